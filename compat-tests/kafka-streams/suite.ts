/**
 * Kafka Streams: a word count with a store, its changelog and a repartition topic, killed and started again. Streams
 * creates its internal topics itself, compacted ones among them, and takes records away that it has worked on.
 */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import kafkajs from 'kafkajs'
import { type Capability, inArea, requireRestart, type TestContext } from '../capability.ts'
import { eventually } from '../wait-for.ts'
import { lines, partitions, WordCounting, wordCountProgram } from './word-count.ts'

export async function prepare(): Promise<void> {
  await wordCountProgram()
}

async function countsWords(context: TestContext): Promise<void> {
  const counting = await WordCounting.prepare(context)
  await counting.send(lines(500))
  await counting.start(await context.temporaryDirectory())
  await counting.countsExactly()
  await counting.send(lines(300, 1))
  await counting.countsExactly()

  const [changelog, repartition] = ['counts-changelog', 'words-repartition'].map(
    name => `${counting.applicationId}-${name}`,
  )
  assert.equal(await policyOf(counting, changelog!), 'compact')
  assert.equal(await policyOf(counting, repartition!), 'delete')
  // What has been grouped and counted is of no use any more, and Streams has it deleted.
  await eventually(
    'the repartition topic to be purged',
    () => counting.admin.fetchTopicOffsets(repartition!),
    found => found.length === partitions && found.every(({ low, high }) => low === high),
  )
}

async function policyOf(counting: WordCounting, topic: string): Promise<string> {
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: ['cleanup.policy'] }
  const { resources } = await counting.admin.describeConfigs({
    resources: [resource],
    includeSynonyms: false,
  })
  return resources[0]!.configEntries[0]!.configValue
}

async function restoresFromChangelog(context: TestContext): Promise<void> {
  const counting = await WordCounting.prepare(context)
  const state = await context.temporaryDirectory()
  const first = await counting.start(state)
  await counting.send(lines(500))
  await counting.countsExactly()
  await counting.committedEverything()
  await first.kill9()
  // With its store on the disk it goes on.
  const second = await counting.start(state)
  await counting.send(lines(200, 1))
  await counting.countsExactly()
  await counting.committedEverything()
  await second.kill9()
  // Without it everything it knows comes from the changelog.
  await rm(state, { recursive: true, force: true })
  await counting.start(await context.temporaryDirectory())
  await counting.send(lines(200, 2))
  await counting.countsExactly()
}

async function killedAtWork(context: TestContext): Promise<void> {
  const counting = await WordCounting.prepare(context)
  const state = await context.temporaryDirectory()
  const first = await counting.start(state)
  const sending = (async () => {
    for (let part = 0; part < 40; part++) await counting.send(lines(50, part))
  })()
  await eventually(
    'some of it to be counted',
    () => counting.admin.fetchTopicOffsets(counting.output),
    found => found.some(({ high }) => Number(high) > 0),
  )
  await first.kill9()
  await sending
  await counting.start(state)
  await counting.countsAtLeast()
}

async function instancesShare(context: TestContext): Promise<void> {
  const counting = await WordCounting.prepare(context)
  const settings = { 'num.standby.replicas': '1', 'probing.rebalance.interval.ms': '60000' }
  const instances = [
    await counting.start(await context.temporaryDirectory(), settings),
    await counting.start(await context.temporaryDirectory(), settings),
  ]
  await eventually(
    'both instances to be in the group',
    () => counting.admin.describeGroups([counting.applicationId]),
    ({ groups }) => groups[0]!.state === 'Stable' && groups[0]!.members.length === 4,
    30_000,
  )
  await counting.send(lines(500))
  await counting.countsExactly()
  await counting.committedEverything()
  await instances[0]!.kill9()
  await counting.send(lines(200, 1))
  // Its partitions lie still until its session is over; the standby of the other one takes over then.
  await counting.countsExactly()
}

async function brokerRestarts(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const counting = await WordCounting.prepare(context)
  await counting.start(await context.temporaryDirectory())
  await counting.send(lines(300))
  await counting.countsExactly()
  const sending = (async () => {
    for (let part = 0; part < 20; part++) await counting.send(lines(50, part))
  })()
  await restart()
  await sending
  await counting.countsAtLeast()
}

export const capabilities: Capability[] = inArea('frameworks', [
  { name: 'a word count with a store', timeLimitMs: 120_000, test: countsWords },
  { name: 'restored from its changelog after kill -9', timeLimitMs: 180_000, test: restoresFromChangelog },
  { name: 'killed at work, nothing is lost', timeLimitMs: 120_000, test: killedAtWork },
  { name: 'two instances with standbys, one is killed', timeLimitMs: 180_000, test: instancesShare },
  {
    name: 'kill -9 of the broker, lived through',
    area: 'restart',
    ci: false,
    timeLimitMs: 180_000,
    test: brokerRestarts,
  },
])
