/** kafka-topics: every command of it, and what each refuses. */
import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { connectedProducer } from '../kafkajs/client.ts'
import { eventually } from '../wait-for.ts'
import { linesOf, refusedTool, startTool, tool } from './tools.ts'

interface DescribedTopic {
  topic: string
  topicId: string
  partitionCount: number
  replicationFactor: number
  configs: string[]
  partitions: { partition: number; leader: string; replicas: string; isr: string }[]
}

/** What `--describe` prints: a line for the topic, and one for each of its partitions. */
function describedTopics(text: string): DescribedTopic[] {
  const topics: DescribedTopic[] = []
  for (const line of linesOf(text)) {
    const fields = new Map(line.split('\t').map(field => field.split(': ', 2) as [string, string]))
    const field = (name: string) => (fields.get(name) ?? '').trim()
    if (fields.has('TopicId')) {
      topics.push({
        topic: field('Topic'),
        topicId: field('TopicId'),
        partitionCount: Number(field('PartitionCount')),
        replicationFactor: Number(field('ReplicationFactor')),
        configs: field('Configs').split(',').sort(),
        partitions: [],
      })
    } else {
      topics.at(-1)!.partitions.push({
        partition: Number(field('Partition')),
        leader: field('Leader'),
        replicas: field('Replicas'),
        isr: field('Isr'),
      })
    }
  }
  return topics
}

/** Describes a topic, which Kafka may have to be asked for again: it says that a change is made before it shows. */
async function describe(
  context: TestContext,
  topic: string,
  partitionCount: number,
  options: string[] = [],
): Promise<DescribedTopic> {
  const [described] = await eventually(
    `${topic} to have ${partitionCount} partitions`,
    async () =>
      describedTopics(
        await tool(context, 'kafka-topics', ['--describe', '--topic', topic, '--if-exists', ...options]),
      ),
    topics => topics[0]?.partitionCount === partitionCount,
  )
  return described!
}

async function list(context: TestContext, ...options: string[]): Promise<string[]> {
  return linesOf(await tool(context, 'kafka-topics', ['--list', ...options]))
}

async function createsAndDescribes(context: TestContext): Promise<void> {
  const topic = context.uniqueName('tools-topic')
  const sizes = ['--partitions', '3', '--replication-factor', '1']
  const configs = ['--config', 'retention.ms=3600000', '--config', 'segment.bytes=1048576']
  const created = await tool(context, 'kafka-topics', ['--create', '--topic', topic, ...sizes, ...configs])
  assert.equal(created.trim(), `Created topic ${topic}.`)
  const described = await describe(context, topic, 3)
  assert.equal(described.topic, topic)
  assert.equal(described.replicationFactor, 1)
  assert.match(described.topicId, /^[\w-]{22}$/)
  for (const config of ['retention.ms=3600000', 'segment.bytes=1048576']) {
    assert.ok(described.configs.includes(config), `${config} is not in ${described.configs}`)
  }
  const { leader } = described.partitions[0]!
  assert.deepEqual(
    described.partitions,
    [0, 1, 2].map(partition => ({ partition, leader, replicas: leader, isr: leader })),
  )
  const byId = await tool(context, 'kafka-topics', ['--describe', '--topic-id', described.topicId])
  assert.deepEqual(describedTopics(byId), [described])
  const paged = await describe(context, topic, 3, ['--partition-size-limit-per-response', '1'])
  assert.deepEqual(paged, described)
  for (const trouble of [
    '--under-replicated-partitions',
    '--unavailable-partitions',
    '--at-min-isr-partitions',
  ]) {
    const troubled = await tool(context, 'kafka-topics', ['--describe', '--topic', topic, trouble])
    // One replica of at least one: that is the minimum always.
    assert.equal(linesOf(troubled).length, trouble === '--at-min-isr-partitions' ? 3 : 0, trouble)
  }
  const overridden = await tool(context, 'kafka-topics', ['--describe', '--topics-with-overrides'])
  assert.ok(describedTopics(overridden).some(one => one.topic === topic))
}

async function createsOnChosenBrokers(context: TestContext): Promise<void> {
  const topic = context.uniqueName('tools-assigned')
  const plain = context.uniqueName('tools-plain')
  await tool(context, 'kafka-topics', ['--create', '--topic', plain])
  const { leader } = (await describe(context, plain, 1)).partitions[0]!
  const create = ['--create', '--topic', topic, '--replica-assignment']
  const stranger = await refusedTool(context, 'kafka-topics', [...create, '4711,4711'])
  assert.match(stranger, /InvalidReplicaAssignmentException/)
  await tool(context, 'kafka-topics', [...create, `${leader},${leader}`])
  await describe(context, topic, 2)
  const grow = ['--alter', '--topic', topic, '--partitions', '4', '--replica-assignment']
  const wrong = await refusedTool(context, 'kafka-topics', [...grow, `${leader},${leader},${leader},4711`])
  assert.match(wrong, /InvalidReplicaAssignmentException/)
  await tool(context, 'kafka-topics', [...grow, `${leader},${leader},${leader},${leader}`])
  assert.equal((await describe(context, topic, 4)).partitions.at(-1)!.leader, leader)
}

async function refusesToCreate(context: TestContext): Promise<void> {
  const topic = context.uniqueName('tools-refused')
  const create = (name: string, ...options: string[]) => ['--create', '--topic', name, ...options]
  await tool(context, 'kafka-topics', create(topic))
  const refusals: [args: string[], reason: RegExp][] = [
    [create(topic), new RegExp(`Topic '${topic}' already exists`)],
    [create(context.uniqueName('x'), '--replication-factor', '3'), /InvalidReplicationFactorException/],
    [create(context.uniqueName('x'), '--config', 'no.such.config=1'), /no\.such\.config/],
    [create(context.uniqueName('x'), '--config', 'retention.ms=long'), /Not a number of type LONG/],
    [create('not/a/name'), /InvalidTopicException/],
  ]
  for (const [args, reason] of refusals) {
    assert.match(await refusedTool(context, 'kafka-topics', args), reason)
  }
  await tool(context, 'kafka-topics', create(topic, '--if-not-exists'))
}

async function lists(context: TestContext): Promise<void> {
  const prefix = context.uniqueName('tools-listed')
  const topics = ['a', 'b'].map(name => `${prefix}-${name}`)
  for (const topic of topics) await tool(context, 'kafka-topics', ['--create', '--topic', topic])
  // A look at a group makes the topic that holds its offsets.
  const consumed = ['--topic', topics[0]!, '--group', prefix, '--from-beginning', '--timeout-ms', '1000']
  await tool(context, 'kafka-console-consumer', consumed)
  await eventually(
    'the topics to be listed',
    () => list(context),
    names => [...topics, '__consumer_offsets'].every(topic => names.includes(topic)),
  )
  const external = await list(context, '--exclude-internal')
  assert.ok(topics.every(topic => external.includes(topic)))
  assert.ok(!external.includes('__consumer_offsets'))
  assert.deepEqual(await list(context, '--topic', `${prefix}.*`), topics)
}

async function addsPartitions(context: TestContext): Promise<void> {
  const topic = context.uniqueName('tools-grown')
  const alter = (count: number, ...options: string[]) => [
    ...['--alter', '--topic', topic, '--partitions', String(count)],
    ...options,
  ]
  await tool(context, 'kafka-topics', ['--create', '--topic', topic, '--partitions', '2'])
  const { topicId } = await describe(context, topic, 2)
  await tool(context, 'kafka-topics', alter(5))
  const described = await describe(context, topic, 5)
  assert.equal(described.topicId, topicId)
  assert.deepEqual(
    described.partitions.map(({ partition }) => partition),
    [0, 1, 2, 3, 4],
  )
  assert.match(await refusedTool(context, 'kafka-topics', alter(5)), /Topic already has 5 partition/)
  assert.match(await refusedTool(context, 'kafka-topics', alter(4)), /4 would not be an increase/)
  const nobody = ['--alter', '--topic', context.uniqueName('nobody'), '--partitions', '3']
  assert.match(await refusedTool(context, 'kafka-topics', nobody), /does not exist/)
  await tool(context, 'kafka-topics', [...nobody, '--if-exists'])
}

async function groupTakesNewPartitions(context: TestContext): Promise<void> {
  const topic = context.uniqueName('tools-growing')
  await tool(context, 'kafka-topics', ['--create', '--topic', topic])
  await describe(context, topic, 1)
  const consumer = await startTool(context, 'kafka-console-consumer', [
    ...['--topic', topic, '--group', context.uniqueName('tools-growing'), '--from-beginning'],
    ...['--command-property', 'metadata.max.age.ms=300'],
    ...['--formatter-property', 'print.partition=true'],
  ])
  const producer = await connectedProducer(context, { metadataMaxAge: 100 })
  await producer.send({ topic, messages: [{ value: 'before', partition: 0 }] })
  await consumer.lines.until(({ length }) => length >= 1, 'the record of the first partition')
  await tool(context, 'kafka-topics', ['--alter', '--topic', topic, '--partitions', '3'])
  await describe(context, topic, 3)
  await eventually(
    'the producer to find the new partitions',
    async () => {
      await producer.send({ topic, messages: [0, 1, 2].map(partition => ({ value: 'after', partition })) })
      return true
    },
    done => done,
  )
  await consumer.lines.until(({ length }) => length >= 4, 'records of all partitions')
  assert.deepEqual(consumer.lines.items.map(line => line.replace('\t', ' ')).sort(), [
    'Partition:0 after',
    'Partition:0 before',
    'Partition:1 after',
    'Partition:2 after',
  ])
  await consumer.stop()
}

async function deletes(context: TestContext): Promise<void> {
  const topic = context.uniqueName('tools-deleted')
  await tool(context, 'kafka-topics', ['--create', '--topic', topic, '--partitions', '2'])
  const { topicId } = await describe(context, topic, 2)
  await tool(context, 'kafka-console-producer', ['--topic', topic], 'old\n')
  await tool(context, 'kafka-topics', ['--delete', '--topic', topic])
  await eventually(
    `${topic} to be gone`,
    () => list(context, '--topic', topic),
    names => names.length === 0,
  )
  assert.match(await refusedTool(context, 'kafka-topics', ['--delete', '--topic', topic]), /does not exist/)
  await tool(context, 'kafka-topics', ['--delete', '--topic', topic, '--if-exists'])

  await tool(context, 'kafka-topics', ['--create', '--topic', topic])
  const again = await describe(context, topic, 1)
  assert.notEqual(again.topicId, topicId, 'the same id for another topic')
  await tool(context, 'kafka-console-producer', ['--topic', topic], 'new\n')
  const consumed = ['--topic', topic, '--from-beginning', '--max-messages', '1', '--timeout-ms', '10000']
  assert.equal(await tool(context, 'kafka-console-consumer', consumed), 'new\n')
}

export const topicCapabilities: Capability[] = inArea('topics', [
  { name: 'kafka-topics --create and --describe', test: createsAndDescribes },
  { name: 'kafka-topics --create and --alter with --replica-assignment', test: createsOnChosenBrokers },
  { name: 'kafka-topics --create of what cannot be', test: refusesToCreate },
  { name: 'kafka-topics --list, --exclude-internal, --topic with a pattern', test: lists },
  { name: 'kafka-topics --alter --partitions', test: addsPartitions },
  {
    name: 'a consumer group takes on partitions that are added',
    area: 'groups',
    test: groupTakesNewPartitions,
  },
  { name: 'kafka-topics --delete, and the name again', test: deletes },
])
