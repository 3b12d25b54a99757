/**
 * kcat as a consumer without a group (offsets of every kind), as a metadata browser, and as an asker for offsets
 * by time.
 */
import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { connectedProducer, createTopic } from '../kafkajs/client.ts'
import { kcat, linesOf, startKcat, tryKcat } from './kcat.ts'

const firstTimestamp = 1_700_000_000_000

/** Twenty records, ten seconds apart; the even ones are in one batch with their successors. */
async function timedTopic(context: TestContext): Promise<string> {
  const topic = await createTopic(context, 'kcat-timed')
  const producer = await connectedProducer(context)
  for (let index = 0; index < 20; index += 2) {
    const messages = [index, index + 1].map(each => ({
      value: `v${each}`,
      timestamp: String(firstTimestamp + each * 10_000),
    }))
    await producer.send({ topic, messages })
  }
  return topic
}

async function startingPoints(context: TestContext): Promise<void> {
  const topic = await timedTopic(context)
  const from = async (...offsets: string[]) => {
    const starts = offsets.flatMap(offset => ['-o', offset])
    return linesOf(await kcat(context, ['-C', '-t', topic, '-e', '-q', ...starts]))
  }
  const values = (start: number, end = 20) =>
    Array.from({ length: end - start }, (_, index) => `v${start + index}`)
  assert.deepEqual(await from('beginning'), values(0))
  assert.deepEqual(await from('13'), values(13))
  assert.deepEqual(await from('-4'), values(16))
  assert.deepEqual(await from('end'), [])
  const at = (index: number) => firstTimestamp + index * 10_000
  assert.deepEqual(await from(`s@${at(5)}`), values(5))
  assert.deepEqual(await from(`s@${at(5) + 1}`), values(6))
  assert.deepEqual(await from(`s@${at(3)}`, `e@${at(8)}`), values(3, 8))
}

async function followsTheEnd(context: TestContext): Promise<void> {
  const topic = await timedTopic(context)
  const consumer = startKcat(context, ['-C', '-t', topic, '-o', 'end', '-u', '-f', '%o %T %s\n'])
  await consumer.events.until(
    lines => lines.some(line => /Reached end of topic .* at offset 20/.test(line)),
    'the consumer to reach the end',
  )
  const before = Date.now()
  await kcat(context, ['-P', '-t', topic], 'new\n')
  const [record] = await consumer.records.until(({ length }) => length > 0, 'the new record')
  const [offset, timestamp, value] = record!.split(' ')
  assert.deepEqual([offset, value], ['20', 'new'])
  assert.ok(Number(timestamp) >= before - 1_000 && Number(timestamp) <= Date.now() + 1_000)
  await consumer.terminate()
  assert.equal(consumer.records.items.length, 1)
}

async function asksForOffsets(context: TestContext): Promise<void> {
  const topic = await timedTopic(context)
  const at = async (timestamp: number) => await kcat(context, ['-Q', '-t', `${topic}:0:${timestamp}`])
  assert.equal(await at(firstTimestamp), `${topic} [0] offset 0\n`)
  assert.equal(await at(firstTimestamp + 70_001), `${topic} [0] offset 8\n`)
  assert.equal(await at(firstTimestamp + 1_000_000), `${topic} [0] offset -1\n`)
  assert.equal(await at(-2), `${topic} [0] offset 0\n`)
  assert.equal(await at(-1), `${topic} [0] offset 20\n`)
}

async function listsMetadata(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-metadata', 3)
  const metadata = JSON.parse(await kcat(context, ['-L', '-J'])) as {
    controllerid: number
    brokers: { id: number; name: string }[]
    topics: {
      topic: string
      partitions: { partition: number; leader: number; replicas: object[]; isrs: object[] }[]
    }[]
  }
  assert.equal(metadata.brokers.length, 1)
  const [{ id, name }] = metadata.brokers as [{ id: number; name: string }]
  assert.equal(name, context.bootstrap)
  assert.equal(metadata.controllerid, id)
  const found = metadata.topics.find(one => one.topic === topic)!
  assert.deepEqual(
    [...found.partitions].sort((one, other) => one.partition - other.partition),
    [0, 1, 2].map(partition => ({ partition, leader: id, replicas: [{ id }], isrs: [{ id }] })),
  )
  const ofOne = JSON.parse(await kcat(context, ['-L', '-J', '-t', topic])) as typeof metadata
  assert.deepEqual(
    ofOne.topics.map(one => one.topic),
    [topic],
  )
}

async function unknownTopic(context: TestContext): Promise<void> {
  const topic = context.uniqueName('kcat-unknown')
  const refused = await tryKcat(context, ['-C', '-t', topic, '-e', '-X', 'allow.auto.create.topics=false'])
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /Unknown topic or partition/)
  const { topics } = JSON.parse(await kcat(context, ['-L', '-J'])) as { topics: { topic: string }[] }
  assert.ok(!topics.some(one => one.topic === topic), 'reading an unknown topic created it')
}

async function outOfRange(context: TestContext): Promise<void> {
  const topic = await timedTopic(context)
  const args = ['-C', '-t', topic, '-o', '5000', '-e', '-q']
  const reset = await kcat(context, [...args, '-X', 'auto.offset.reset=earliest'])
  assert.equal(linesOf(reset).length, 20)
  const refused = await tryKcat(context, [...args, '-X', 'auto.offset.reset=error'])
  assert.match(refused.stderr, /Offset out of range|out of range/i)
}

export const consumeCapabilities: Capability[] = inArea('consume', [
  { name: '-o beginning, N, -N, end, s@timestamp, e@timestamp', area: 'seek', test: startingPoints },
  { name: '-o end and what comes after', test: followsTheEnd },
  { name: '-o out of range', area: 'seek', test: outOfRange },
  { name: '-Q offsets by timestamp', area: 'timestamps', test: asksForOffsets },
  { name: '-L metadata as JSON', area: 'cluster', test: listsMetadata },
  { name: 'a topic that does not exist', area: 'topics', test: unknownTopic },
])
