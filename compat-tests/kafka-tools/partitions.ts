/** Leaders, replicas and producers: kafka-leader-election, kafka-reassign-partitions, kafka-transactions. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { connectedAdmin, createTopic, kafkaClient } from '../kafkajs/client.ts'
import { eventually } from '../wait-for.ts'
import { refusedTool, tableOf, tool } from './tools.ts'

async function electsLeaders(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-elected', 2)
  for (const type of ['preferred', 'unclean']) {
    const elect = (...args: string[]) =>
      tool(context, 'kafka-leader-election', ['--election-type', type, ...args])
    const said = await elect('--topic', topic, '--partition', '1')
    assert.equal(said, `Valid replica already elected for partitions ${topic}-1\n`)
    assert.equal(await elect('--all-topic-partitions'), '')
  }
  const unknown = [
    '--election-type',
    'preferred',
    '--topic',
    context.uniqueName('absent'),
    '--partition',
    '0',
  ]
  assert.match(
    await refusedTool(context, 'kafka-leader-election', unknown),
    /UnknownTopicOrPartitionException: No such topic as/,
  )
}

async function reassignsPartitions(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-reassigned', 2)
  const { brokers } = await (await connectedAdmin(context)).describeCluster()
  const { nodeId } = brokers[0]!
  const directory = await context.temporaryDirectory()
  const plan = async (name: string, replicas: number[]) => {
    const path = join(directory, name)
    const partitions = [0, 1].map(partition => ({ topic, partition, replicas }))
    await writeFile(path, JSON.stringify({ version: 1, partitions }))
    return ['--reassignment-json-file', path]
  }
  const reassign = (...args: string[]) => tool(context, 'kafka-reassign-partitions', args)

  const here = await plan('here', [nodeId])
  const executed = await reassign('--execute', ...here)
  assert.match(
    executed,
    new RegExp(`Successfully started partition reassignments? for ${topic}-0,${topic}-1`),
  )
  assert.match(await reassign('--verify', ...here), new RegExp(`of partition ${topic}-1 is completed`))
  assert.match(
    await reassign('--cancel', ...here),
    /None of the specified partition reassignments are active/,
  )
  assert.match(await reassign('--list'), /No partition reassignments found/)

  const topics = join(directory, 'topics')
  await writeFile(topics, JSON.stringify({ version: 1, topics: [{ topic }] }))
  const generated = await reassign(
    '--generate',
    '--broker-list',
    String(nodeId),
    '--topics-to-move-json-file',
    topics,
  )
  const [, proposed] = generated.split('Proposed partition reassignment configuration')
  const { partitions } = JSON.parse(proposed!) as { partitions: { replicas: number[] }[] }
  assert.deepEqual(
    partitions.map(({ replicas }) => replicas),
    [[nodeId], [nodeId]],
  )

  const elsewhere = await plan('elsewhere', [nodeId + 1])
  const refused = await refusedTool(context, 'kafka-reassign-partitions', ['--execute', ...elsewhere])
  assert.match(refused, /Unknown broker id|no such broker/)
}

async function describesProducers(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-producers')
  const producer = kafkaClient(context).producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  context.cleanUp(() => producer.disconnect())
  await producer.send({ topic, messages: [{ value: 'a' }, { value: 'b' }, { value: 'c' }] })
  const describe = async (partition: number) => {
    const args = ['describe-producers', '--topic', topic, '--partition', String(partition)]
    return tableOf(headed(await tool(context, 'kafka-transactions', args)))
  }
  const [found, ...others] = await eventually(
    'the producer to be seen',
    () => describe(0),
    rows => rows.length > 0,
  )
  assert.deepEqual(others, [])
  assert.match(found!.PRODUCERID!, /^\d+$/)
  const { PRODUCEREPOCH: epoch, LASTSEQUENCE: sequence, CURRENTTRANSACTIONSTARTOFFSET: start } = found!
  assert.deepEqual({ epoch, sequence, start }, { epoch: '0', sequence: '2', start: 'None' })
}

/** This tool writes its heading in small letters. */
function headed(text: string): string {
  const lines = text.split('\n')
  return [lines[0]!.toUpperCase(), ...lines.slice(1)].join('\n')
}

export const partitionCapabilities: Capability[] = inArea('cluster', [
  { name: 'kafka-leader-election', test: electsLeaders },
  { name: 'kafka-reassign-partitions: generate, execute, verify, list, cancel', test: reassignsPartitions },
  { name: 'kafka-transactions describe-producers', test: describesProducers },
])
