/** A real broker in a test of node:test: started before the tests, in milliseconds, and gone after them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { startBroker } from 'ottla'

let broker
let kafka

before(async () => {
  broker = await startBroker()
  kafka = new Kafka({ brokers: [broker.bootstrapServers], logLevel: logLevel.ERROR })
})
after(() => broker.stop())

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

  assert.equal(order.key.toString(), 'alice')
  assert.equal(order.value.toString(), 'three apples')
})
