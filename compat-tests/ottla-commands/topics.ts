/** `ottla topic`: what is created, altered and deleted is there, changed and gone, by its own word and by kafkajs's. */
import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { connectedAdmin } from '../kafkajs/client.ts'
import { eventually } from '../wait-for.ts'
import { asLines, createdTopic, linesOf, ottla, ottlaJson, refused } from './ottla.ts'

async function describe(context: TestContext, topic: string) {
  const [described] = await ottlaJson(context, ['topic', 'describe', topic])
  return described
}

/** Configurations of the topic itself; a broker may have some that differ from Kafka's defaults, too. */
async function ownConfigs(context: TestContext, topic: string): Promise<Record<string, string>> {
  const { configs } = await describe(context, topic)
  const own = configs.filter(({ source }: { source: string }) => source === 'DYNAMIC_TOPIC_CONFIG')
  return Object.fromEntries(own.map(({ name, value }: { name: string; value: string }) => [name, value]))
}

async function creates(context: TestContext): Promise<void> {
  const topic = context.uniqueName('created')
  const configs = ['--config', 'retention.ms=86400000', '--config', 'cleanup.policy=compact,delete']
  const said = await ottla(context, ['topic', 'create', topic, '--partitions', '3', ...configs])
  assert.equal(said, `Created topic ${topic}, 3 partitions, 1 replica\n`)
  const admin = await connectedAdmin(context)
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  assert.deepEqual(topics[0]!.partitions.map(({ partitionId }) => partitionId).sort(), [0, 1, 2])
  assert.deepEqual(await ownConfigs(context, topic), {
    'cleanup.policy': 'compact,delete',
    'retention.ms': '86400000',
  })
}

async function refusesToCreate(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'twice')
  assert.match(await refused(context, ['topic', 'create', topic], 65), /TOPIC_ALREADY_EXISTS/)
  assert.equal(
    await ottla(context, ['topic', 'create', topic, '--if-not-exists']),
    `Topic ${topic} exists already\n`,
  )
  assert.match(await refused(context, ['topic', 'create', 'no such name'], 65), /INVALID_TOPIC_EXCEPTION/)
  const bad = ['topic', 'create', context.uniqueName('bad'), '--config', 'no.such.config=1']
  assert.match(await refused(context, bad, 65), /INVALID_CONFIG.*no\.such\.config/)
}

async function validates(context: TestContext): Promise<void> {
  const topic = context.uniqueName('validated')
  assert.match(await ottla(context, ['topic', 'create', topic, '--validate-only']), /^Could create topic/)
  assert.match(await refused(context, ['topic', 'describe', topic], 66), /does not exist/)
}

async function describes(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'described', 2)
  await ottla(context, ['produce', topic, '--partition', '1'], asLines(['one', 'two', 'three']))
  const described = await describe(context, topic)
  assert.equal(described.name, topic)
  assert.equal(described.isInternal, false)
  assert.equal(described.topicId.length, 22)
  const [first, second] = described.partitions
  assert.deepEqual([first.firstOffset, first.nextOffset, first.sizeBytes], [0, 0, 0])
  assert.deepEqual([second.firstOffset, second.nextOffset], [0, 3])
  assert.ok(second.sizeBytes > 60 && described.sizeBytes === second.sizeBytes)
  for (const { leader, replicas, isr } of [first, second])
    assert.deepEqual([replicas, isr], [[leader], [leader]])
  const text = await ottla(context, ['topic', 'describe', topic])
  assert.match(text, new RegExp(`^Topic +${topic}$`, 'm'))
  assert.match(text, /^PARTITION {2}LEADER {2}REPLICAS {2}ISR +FIRST-OFFSET {2}NEXT-OFFSET {2}SIZE$/m)
  assert.match(text, /^ +1 +\d+ +\d+ +\d+ +0 +3 {2}\d+ B$/m)
}

async function lists(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'listed', 2)
  await ottla(context, ['produce', topic, 'x'.repeat(5000)])
  const listed = await ottlaJson(context, ['topic', 'list', '--sizes'])
  const found = listed.find(({ name }: { name: string }) => name === topic)
  assert.deepEqual([found.partitions, found.replicationFactor, found.isInternal], [2, 1, false])
  assert.ok(found.sizeBytes > 5000)
  const names = listed.map(({ name }: { name: string }) => name)
  assert.deepEqual(names, [...names].sort())
  const text = linesOf(await ottla(context, ['topic', 'list', '--exclude-internal']))
  assert.match(text[0]!, /^TOPIC +PARTITIONS {2}REPLICAS$/)
  assert.ok(text.some(line => line.startsWith(`${topic} `)) && !text.some(line => line.startsWith('__')))
}

async function alters(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'altered', 1)
  const alter = (...words: string[]) => ottla(context, ['topic', 'alter', topic, ...words])
  await alter('--partitions', '3', '--config', 'retention.ms=1000', '--config', 'max.message.bytes=2000')
  assert.equal((await describe(context, topic)).partitions.length, 3)
  assert.deepEqual(await ownConfigs(context, topic), { 'max.message.bytes': '2000', 'retention.ms': '1000' })
  await alter('--delete-config', 'retention.ms', '--config', 'segment.ms=60000')
  assert.deepEqual(await ownConfigs(context, topic), { 'max.message.bytes': '2000', 'segment.ms': '60000' })
  // It has its effect: a batch that was let through before is refused now.
  const tooLarge = await refused(context, ['produce', topic, 'x'.repeat(3000)], 65)
  assert.match(tooLarge, /MESSAGE_TOO_LARGE/)
}

async function refusesToAlter(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'refused', 2)
  const alter = (...words: string[]) => refused(context, ['topic', 'alter', topic, ...words], 65)
  assert.match(await alter('--partitions', '1'), /INVALID_PARTITIONS/)
  assert.match(await alter('--config', 'retention.ms=soon'), /INVALID_CONFIG/)
  assert.match(await alter('--config', 'retention.ms=7', '--config', 'no.such=1'), /INVALID_CONFIG/)
  assert.deepEqual(await ownConfigs(context, topic), {}, 'half of a refused change was made')
  assert.match(await refused(context, ['topic', 'alter', topic], 64), /nothing to change/)
}

async function deletes(context: TestContext): Promise<void> {
  const topics = [await createdTopic(context, 'deleted'), await createdTopic(context, 'deleted')]
  const missing = context.uniqueName('missing')
  await ottla(context, ['topic', 'delete', topics[0]!, missing, '--if-exists'])
  assert.match(await refused(context, ['topic', 'delete', missing], 66), /UNKNOWN_TOPIC_OR_PARTITION/)
  assert.equal(await ottla(context, ['topic', 'delete', topics[1]!]), `Deleted topic ${topics[1]}\n`)
  await eventually(
    'the topics to be gone',
    () => ottlaJson(context, ['topic', 'list']),
    (listed: { name: string }[]) => !listed.some(({ name }) => topics.includes(name)),
  )
}

export const topicCapabilities: Capability[] = inArea('topics', [
  { name: 'create a topic with partitions and configurations', test: creates },
  { name: 'be refused to create a topic twice or wrongly', test: refusesToCreate },
  { name: 'validate without creating', test: validates },
  { name: 'describe a topic: offsets, leader, replicas, size', test: describes },
  { name: 'list topics with sizes', test: lists },
  { name: 'alter partitions and configurations', test: alters },
  { name: 'be refused a wrong change as a whole', test: refusesToAlter },
  { name: 'delete topics', test: deletes },
])
