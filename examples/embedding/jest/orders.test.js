/** A real broker in a test of Jest, in CommonJS: started before the tests, in milliseconds, and gone after them. */
const { Kafka, logLevel } = require('kafkajs')
const { startBroker } = require('ottla')

let broker
let kafka

beforeAll(async () => {
  broker = await startBroker()
  kafka = new Kafka({ brokers: [broker.bootstrapServers], logLevel: logLevel.ERROR })
})
afterAll(() => broker.stop())

test('an order reaches the warehouse', async () => {
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'orders', messages: [{ key: 'alice', value: 'three apples' }] })
  await producer.disconnect()

  const consumer = kafka.consumer({ groupId: 'warehouse' })
  await consumer.connect()
  await consumer.subscribe({ topic: 'orders', fromBeginning: true })
  const order = await new Promise(resolve => {
    void consumer.run({ eachMessage: async ({ message }) => resolve(message) })
  })
  await consumer.disconnect()

  expect(order.key.toString()).toBe('alice')
  expect(order.value.toString()).toBe('three apples')
})
