/**
 * The tools that put load on a broker and check it: the perf tests, latency end to end, the verifiable producer and
 * consumer of Kafka's own system tests, its compatibility test, and the comparison of replicas.
 */

import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { committedOffsets, connectedAdmin, createTopic, readTopics } from '../kafkajs/client.ts'
import { texts } from '../record-values.ts'
import { linesOf, startTool, type ToolName, tool, tryTool } from './tools.ts'

async function perfTests(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-perf', 3)
  const count = 5_000
  const produced = await tool(context, 'kafka-producer-perf-test', [
    ...['--topic', topic, '--num-records', String(count), '--throughput', '-1', '--payload-monotonic'],
    ...['--command-property', 'compression.type=gzip', 'acks=all'],
  ])
  assert.match(linesOf(produced).at(-1)!, new RegExp(`^${count} records sent, .*99\\.9th`))
  // The payload is the record's number.
  const values = texts(await readTopics(context, [topic], count))
  assert.deepEqual(
    values.map(Number).sort((one, other) => one - other),
    Array.from({ length: count }, (_, index) => index),
  )
  const consumed = await tool(context, 'kafka-consumer-perf-test', [
    ...['--topic', topic, '--num-records', String(count), '--group', context.uniqueName('perf')],
    ...['--timeout', '20000'],
  ])
  const [heading, ...rows] = linesOf(consumed).map(line => line.split(', '))
  const column = heading!.findIndex(name => /^data\.consumed\.in\.n(Msg|Records)$/.test(name))
  assert.equal(rows.length, 1, consumed)
  assert.equal(Number(rows[0]![column]), count)
}

/** One record at a time: sent, acknowledged, consumed, and only then the next one. */
async function endToEnd(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-latency')
  for (const acks of ['1', 'all']) {
    const { lines, ended } = await startTool(context, 'kafka-e2e-latency', [topic, '100', acks, '100'])
    await ended
    const output = lines.items.join('\n')
    const [, average] = /^Avg latency: ([\d.]+) ms/m.exec(output) ?? []
    assert.ok(Number(average) > 0, output)
    assert.match(output, /^Percentiles: 50th = \d+, 99th = \d+, 99\.9th = \d+$/m)
  }
  assert.equal((await readTopics(context, [topic], 200)).length, 200)
}

/** What the verifiable tools say, a JSON object a line. */
interface Said {
  name: string
  value?: string
  partition?: number
  offset?: number
  count?: number
  success?: boolean
  partitions?: { partition: number; count: number; minOffset: number; maxOffset: number }[]
}

/** Runs a verifiable tool to its end: it does its last work while its JVM is shut down. */
async function saidBy(context: TestContext, name: ToolName, args: string[]): Promise<Said[]> {
  const { lines, ended } = await startTool(context, name, args)
  await ended
  return lines.items.map(line => JSON.parse(line))
}

async function verifiable(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-verifiable', 3)
  const count = 500
  const produced = await saidBy(context, 'kafka-verifiable-producer', [
    ...['--topic', topic, '--max-messages', String(count), '--acks', '-1', '--repeating-keys', '7'],
    ...['--value-prefix', '3'],
  ])
  const acknowledged = produced.filter(({ name }) => name === 'producer_send_success')
  assert.equal(acknowledged.length, count)
  const stored = await readTopics(context, [topic], count)
  const placed = (all: { partition?: number; offset?: number; value?: unknown }[]) =>
    all.map(({ partition, offset, value }) => `${partition} ${offset} ${value}`).sort()
  assert.deepEqual(placed(acknowledged), placed(stored))
  assert.deepEqual(
    new Set(acknowledged.map(({ value }) => value)),
    new Set(Array.from({ length: count }, (_, index) => `3.${index}`)),
  )

  const groupId = context.uniqueName('verifiable')
  const said = await saidBy(context, 'kafka-verifiable-consumer', [
    ...['--topic', topic, '--group-id', groupId, '--max-messages', String(count)],
    ...['--session-timeout', '10000'],
  ])
  const got = said.filter(({ name }) => name === 'records_consumed')
  assert.equal(
    got.reduce((sum, { count = 0 }) => sum + count, 0),
    count,
  )
  const commits = said.filter(({ name }) => name === 'offsets_committed')
  assert.ok(commits.length > 0 && commits.every(({ success }) => success === true))
  const admin = await connectedAdmin(context)
  const committed = await committedOffsets(admin, groupId, topic)
  const ends = await admin.fetchTopicOffsets(topic)
  assert.deepEqual(
    new Set(committed.map(({ partition, offset }) => `${partition} ${offset}`)),
    new Set(ends.map(({ partition, high }) => `${partition} ${high}`)),
  )
}

/** Two of them in one group: what they say of rebalances is what Kafka's system tests go by. */
async function verifiableGroup(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-verifiable-group', 4)
  const groupId = context.uniqueName('verifiable-group')
  const strategy = 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor'
  const args = ['--topic', topic, '--group-id', groupId, '--assignment-strategy', strategy]
  const consumers = [
    await startTool(context, 'kafka-verifiable-consumer', [...args, '--session-timeout', '6000']),
    await startTool(context, 'kafka-verifiable-consumer', [...args, '--session-timeout', '6000']),
  ]
  const owned = (lines: string[]) => {
    const partitions = new Set<number>()
    for (const { name, partitions: changed = [] } of lines.map(line => JSON.parse(line) as Said)) {
      for (const { partition } of changed) {
        if (name === 'partitions_assigned') partitions.add(partition)
        else if (name === 'partitions_revoked') partitions.delete(partition)
      }
    }
    return partitions.size
  }
  for (const { lines } of consumers)
    await lines.until(all => owned(all) === 2, 'half of the partitions', 60_000)
  await saidBy(context, 'kafka-verifiable-producer', ['--topic', topic, '--max-messages', '200'])
  const consumed = (lines: string[]) =>
    lines
      .map(line => JSON.parse(line) as Said)
      .reduce((sum, { name, count = 0 }) => {
        return name === 'records_consumed' ? sum + count : sum
      }, 0)
  const [first, second] = consumers
  await second!.lines
    .until(all => consumed(all) + consumed(first!.lines.items) >= 200, 'all records')
    .catch(() =>
      first!.lines.until(all => consumed(all) + consumed(second!.lines.items) >= 200, 'all records'),
    )
  await second!.stop()
  await first!.lines.until(all => owned(all) === 4, 'all partitions')
  await first!.stop()
}

async function comparesReplicas(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-replicas', 2)
  await saidBy(context, 'kafka-verifiable-producer', ['--topic', topic, '--max-messages', '100'])
  const verification = await startTool(context, 'kafka-replica-verification', [
    ...['--topics-include', topic, '--time', '-2', '--report-interval-ms', '1000'],
  ])
  await verification.lines.until(
    lines => lines.filter(line => line.includes('max lag is 0 for partition')).length >= 2,
    'two reports without lag',
    40_000,
  )
  await verification.stop()
}

async function compatibilityTest(context: TestContext): Promise<void> {
  const { code, stdout, stderr } = await tryTool(context, 'client-compatibility-test', [
    ...['--topic', await createTopic(context, 'tools-compatibility'), '--num-cluster-nodes', '1'],
    ...['--offsets-for-times-supported', 'true', '--cluster-id-supported', 'true'],
    ...['--expect-record-too-large-exception', 'false', '--create-topics-supported', 'true'],
    ...['--describe-acls-supported', 'true', '--describe-configs-supported', 'true'],
    ...['--idempotent-producer-supported', 'true'],
  ])
  assert.equal(code, 0, stdout + stderr)
}

export const workloadCapabilities: Capability[] = inArea('produce', [
  { name: 'kafka-producer-perf-test and kafka-consumer-perf-test', timeLimitMs: 60_000, test: perfTests },
  { name: 'kafka-e2e-latency', timeLimitMs: 60_000, test: endToEnd },
  { name: 'kafka-verifiable-producer and kafka-verifiable-consumer', timeLimitMs: 90_000, test: verifiable },
  {
    name: 'two kafka-verifiable-consumers in one group',
    area: 'groups',
    timeLimitMs: 120_000,
    test: verifiableGroup,
  },
  { name: 'kafka-replica-verification', area: 'cluster', timeLimitMs: 120_000, test: comparesReplicas },
  {
    name: "the client compatibility test of Kafka's system tests",
    timeLimitMs: 60_000,
    test: compatibilityTest,
  },
])
