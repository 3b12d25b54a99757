/**
 * kafka-node 5, the client of Node before kafkajs, as a program that does one thing and ends; see old-client.ts for its
 * command line. It negotiates versions; told not to, it waits for its own connection for ever.
 */
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fieldOf, textOf } from './old-client.ts'

interface KafkaMessage {
  offset: number
  timestamp?: Date
  key: Buffer | null
  value: Buffer | null
}
interface Emitter {
  // biome-ignore lint/suspicious/noExplicitAny: each event has its own
  on(event: string, listener: (value: any) => void): this
  close(force: boolean, callback: () => void): void
}
type Callback = (error: Error | null, result?: unknown) => void
interface KafkaNode {
  KafkaClient: new (options: object) => Emitter
  Producer: new (
    client: Emitter,
    options: object,
  ) => Emitter & { send(payloads: object[], callback: Callback): void }
  Consumer: new (client: Emitter, topics: object[], options: object) => Emitter
  ConsumerGroup: new (
    options: object,
    topic: string,
  ) => Emitter & { sendOffsetCommitRequest(commits: object[], callback: Callback): void }
  KeyedMessage: new (key: unknown, value: unknown) => object
}

const client = createRequire(resolve('compat-tests', 'old-clients', 'package.json'))
const kafkaNode = client('kafka-node') as KafkaNode
const compressions: Record<string, number> = { none: 0, gzip: 1, snappy: 2 }

const [command, , kafkaHost, topic, ...rest] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  ...string[],
]
const buffers = { encoding: 'buffer', keyEncoding: 'buffer', fetchMaxBytes: 2_000_000 }

async function produce(compression: string, acks: string): Promise<void> {
  const messages: object[] = []
  for await (const line of createInterface({ input: process.stdin })) {
    const [key, value] = line.split(' ').map(fieldOf)
    messages.push(new kafkaNode.KeyedMessage(key, value))
  }
  const requireAcks = acks === 'all' ? -1 : Number(acks)
  const producer = new kafkaNode.Producer(new kafkaNode.KafkaClient({ kafkaHost }), { requireAcks })
  producer.on('error', fail)
  producer.on('ready', () => {
    const payload = { topic, partition: 0, messages, attributes: compressions[compression] }
    producer.send([payload], error => {
      if (error !== null) fail(error)
      producer.close(false, () => process.exit(0))
    })
  })
}

function consume(offset: string, count: number): void {
  const options = { ...buffers, autoCommit: false, fromOffset: true }
  const wanted = [{ topic, partition: 0, offset: Number(offset) }]
  const consumer = new kafkaNode.Consumer(new kafkaNode.KafkaClient({ kafkaHost }), wanted, options)
  consumer.on('error', fail)
  let left = count
  consumer.on('message', (message: KafkaMessage) => {
    // It hands over all messages of a wrapper, those before the offset that it asked for too.
    if (left === 0 || message.offset < Number(offset)) return
    print(message)
    if (--left === 0) consumer.close(true, () => process.exit(0))
  })
}

function consumeInGroup(groupId: string, count: number): void {
  const options = { ...buffers, kafkaHost, groupId, autoCommit: false, fromOffset: 'earliest' }
  const group = new kafkaNode.ConsumerGroup({ ...options, sessionTimeout: 10_000 }, topic)
  group.on('error', fail)
  let left = count
  group.on('message', (message: KafkaMessage) => {
    if (left === 0) return
    print(message)
    if (--left > 0) return
    const commit = { topic, partition: 0, offset: message.offset + 1, metadata: 'by kafka-node' }
    group.sendOffsetCommitRequest([commit], error => {
      if (error !== null) fail(error)
      group.close(false, () => process.exit(0))
    })
  })
}

function print({ offset, timestamp, key, value }: KafkaMessage): void {
  process.stdout.write(`${offset} ${timestamp?.getTime() ?? -1} ${textOf(key)} ${textOf(value)}\n`)
}

function fail(error: Error): void {
  console.error(error.stack ?? error)
  process.exit(1)
}

if (command === 'produce') await produce(rest[0]!, rest[1]!)
else if (command === 'consume') consume(rest[0]!, Number(rest[1]))
else consumeInGroup(rest[0]!, Number(rest[1]))
