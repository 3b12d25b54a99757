/**
 * The torture scenarios: each lets the workload run for a seeded random time, does one thing to the broker, and
 * goes on when a record has been acknowledged again. At the end the broker is killed once more, and the whole
 * log is read back with another client and held against the ledger.
 *
 * - `kill`: SIGKILL and a restart on the same directory; now and then the restart is killed too, while it recovers.
 * - `torn`: SIGKILL, then the ends of logs and indexes are damaged as a power failure may do it, then a restart.
 * - `restart`: SIGTERM and a restart, as an upgrade does it; nothing may get lost there either.
 * - `freeze`: SIGSTOP for longer than clients' patience with a heartbeat, then SIGCONT.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type kafkajs from 'kafkajs'
import { freePort, type RunningBroker } from '../broker-process.ts'
import { median, percentile } from '../statistics.ts'
import { readable } from '../text-table.ts'
import { readBack } from './read-back.ts'
import { type ReadRecord, type RecordLedger, recordLedger } from './record-ledger.ts'
import type { Plant, TortureContext, TortureResult, TortureScenario } from './scenario.ts'
import { tearTails } from './torn-tail.ts'
import { patientClient, startWorkload } from './workload.ts'

const topic = 'torture'
const groupId = 'torture-group'
const partitions = 12
const segmentBytes = 1_048_576
/** Acknowledged records per second that make a run count, while the broker is up. */
const requiredRate = 2000
const attemptedRate = 6000

interface Round {
  round: number
  upMs: number
  acknowledged: number
  recordsPerSecond: number
  killedStarts: number
  startMs: number
  /** From the fault to the first acknowledgement after it. */
  outageMs: number
}

type Fault = (broker: RunningBroker, restart: () => Promise<RunningBroker>) => Promise<RunningBroker>

export const kill: TortureScenario = {
  name: 'kill',
  summary: 'kill -9 at random moments under load, restart on the same directory',
  run: context => torture(context, { killsStarts: true }, killAndRestart),
}

export const torn: TortureScenario = {
  name: 'torn',
  summary: 'kill -9, garbage behind the ends of logs and lagging indexes, restart',
  run: context => {
    const random = context.random.fork()
    return torture(context, { killsStarts: false }, async (broker, restartBroker) => {
      await broker.kill9()
      const done = tearTails(broker.logDirectory, topic, random)
      try {
        return await restartBroker()
      } catch (error) {
        context.print(done.join('\n  '))
        throw error
      }
    })
  },
}

export const restart: TortureScenario = {
  name: 'restart',
  summary: 'orderly stop at random moments under load, restart on the same directory',
  run: context =>
    torture(context, { killsStarts: false }, async (broker, restartBroker) => {
      await broker.stop()
      return await restartBroker()
    }),
}

export const freeze: TortureScenario = {
  name: 'freeze',
  summary: 'SIGSTOP for some seconds under load, then SIGCONT',
  run: context => {
    const random = context.random.fork()
    return torture(context, { killsStarts: false }, async broker => {
      process.kill(-broker.pid, 'SIGSTOP')
      await delay(random.between(200, 8000))
      process.kill(-broker.pid, 'SIGCONT')
      return broker
    })
  },
}

const killAndRestart: Fault = async (broker, restartBroker) => {
  await broker.kill9()
  return await restartBroker()
}

async function torture(
  context: TortureContext,
  { killsStarts }: { killsStarts: boolean },
  fault: Fault,
): Promise<TortureResult> {
  const { random, print } = context
  const directory = await mkdtemp(join(tmpdir(), 'torture-'))
  const port = await freePort()
  const ledger = recordLedger(partitions)
  const rounds: Round[] = []
  let broker = await context.start({ port, directory })
  const admin = patientClient(broker.bootstrap, 'torture-admin').admin()
  await admin.connect()
  await admin.createTopics({
    topics: [
      {
        topic,
        numPartitions: partitions,
        replicationFactor: 1,
        configEntries: [{ name: 'segment.bytes', value: String(segmentBytes) }],
      },
    ],
  })
  const workload = await startWorkload({
    bootstrap: broker.bootstrap,
    topic,
    groupId,
    partitions,
    producers: 4,
    members: 3,
    recordsPerSecond: attemptedRate,
    ledger,
    random: random.fork(),
  })
  await workload.nextAcknowledgement()

  for (let round = 1; round <= context.rounds; round++) {
    const before = ledger.acknowledgedCount()
    const upAt = performance.now()
    if (random.chance(0.3)) void workload.replaceMember().catch(() => undefined)
    await delay(random.between(300, 4000))
    const acknowledged = ledger.acknowledgedCount() - before
    const faultAt = performance.now()
    const upMs = faultAt - upAt
    const early = killsStarts && random.chance(0.25) ? random.between(1, 2) : 0
    broker = await fault(broker, async () => {
      for (let attempt = 0; attempt < early; attempt++) {
        const again = await killedStart(context, { port, directory, afterMs: random.between(20, 400) })
        await again?.kill9()
      }
      return await context.start({ port, directory })
    })
    await workload.nextAcknowledgement()
    const outageMs = performance.now() - faultAt
    await checkAfterRestart(admin, ledger)
    const recordsPerSecond = (acknowledged / upMs) * 1000
    rounds.push({
      round,
      upMs,
      acknowledged,
      recordsPerSecond,
      killedStarts: early,
      startMs: broker.startMs,
      outageMs,
    })
    print(
      `round ${round}: up ${readable(upMs)} ms, ${readable(acknowledged)} acknowledged ` +
        `(${readable(recordsPerSecond)}/s), outage ${readable(outageMs)} ms, start ${readable(broker.startMs)} ms` +
        `${early > 0 ? `, ${early} start(s) killed` : ''}, ${ledger.violations().length} violations`,
    )
    if (ledger.violations().length > 0) {
      for (const { kind, text } of ledger.violations().slice(0, 5)) print(`  ${kind}: ${text}`)
      break
    }
  }

  print('reading everything back')
  await workload.stopProducers()
  const ends = await logEnds(admin)
  await workload.drain(ends, 60_000)
  await workload.stopConsumers()
  // Whatever was acknowledged in the last moments goes through a crash as well.
  await broker.kill9()
  broker = await context.start({ port, directory })
  await checkAfterRestart(admin, ledger)
  if (context.plant === 'rewind-commit') ledger.checkCommitted(ledger.promises(), 0, 0)
  const log = await readBack(broker.bootstrap, topic, await logEnds(admin))
  const summary = ledger.checkReadBack(planted(log.records, context.plant))
  for (const [partition, end] of ends) {
    if (ledger.nextDelivery(partition) >= end) continue
    const next = ledger.nextDelivery(partition)
    summary.violations.push({
      kind: 'not delivered',
      text: `partition ${partition} from ${next} to its end ${end}`,
    })
  }
  const rate = median(rounds.map(({ recordsPerSecond }) => recordsPerSecond))
  if (rate < requiredRate) {
    summary.violations.push({ kind: 'too slow', text: `${readable(rate)} acknowledged records/s while up` })
  }
  await admin.disconnect()
  await broker.stop()
  if (summary.violations.length === 0) await rm(directory, { recursive: true, force: true })
  return {
    headings: ['what', 'value'],
    rows: [
      ['rounds', rounds.length],
      ['starts killed', rounds.reduce((sum, { killedStarts }) => sum + killedStarts, 0)],
      ['acknowledged records', readable(summary.acknowledged)],
      ['acknowledged records/s while up, median', readable(rate)],
      [`read back with ${log.reader}`, readable(summary.read)],
      ['in the log without an answer', readable(summary.unanswered)],
      ['delivered to the group', readable(ledger.deliveredCount())],
      ['commits acknowledged', readable(ledger.committedCount())],
      ['start ms, median', readable(median(rounds.map(({ startMs }) => startMs)))],
      ['outage ms, median', readable(median(rounds.map(({ outageMs }) => outageMs)))],
      [
        'outage ms, p95',
        readable(
          percentile(
            rounds.map(({ outageMs }) => outageMs),
            95,
          ),
        ),
      ],
      ['violations', summary.violations.length],
    ],
    violations: summary.violations,
    directory,
    samples: rounds,
  }
}

/** A start that is killed while it recovers, unless it was faster; resolves with the broker in that case. */
async function killedStart(
  context: TortureContext,
  { port, directory, afterMs }: { port: number; directory: string; afterMs: number },
): Promise<RunningBroker | undefined> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), afterMs)
  try {
    return await context.start({ port, directory, signal: abort.signal })
  } catch (error) {
    // A start that failed by itself is a finding, not the fault that was asked for.
    if (!abort.signal.aborted) throw error
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

/** Log ends and committed offsets, as the restarted broker tells them, against what was promised before. */
async function checkAfterRestart(admin: kafkajs.Admin, ledger: RecordLedger): Promise<void> {
  const promises = ledger.promises()
  for (const [partition, end] of await logEnds(admin)) ledger.checkLogEnd(promises, partition, end)
  for (const [partition, offset] of await committedOffsets(admin)) {
    ledger.checkCommitted(promises, partition, offset)
  }
}

async function committedOffsets(admin: kafkajs.Admin): Promise<Map<number, number>> {
  const [offsets] = await retried(() => admin.fetchOffsets({ groupId, topics: [topic] }))
  return new Map(offsets!.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
}

async function logEnds(admin: kafkajs.Admin): Promise<Map<number, number>> {
  const ends = await retried(() => admin.fetchTopicOffsets(topic))
  return new Map(ends.map(({ partition, high }) => [partition, Number(high)]))
}

/** A broker that has just started may not lead its partitions yet, and kafkajs's admin does not wait for that. */
async function retried<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 30_000
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await delay(100)
    }
  }
}

/** What was read, damaged in the way that was asked for, in the middle of the longest partition. */
function planted(records: ReadRecord[], plant: Plant | undefined): ReadRecord[] {
  const index = records.length >> 1
  const victim = records[index]
  if (victim === undefined || plant === undefined) return records
  const neighbour = records.findIndex((other, at) => at > index && other.partition === victim.partition)
  const damaged = [...records]
  if (plant === 'lose-record') damaged.splice(index, 1)
  if (plant === 'duplicate-record') {
    const end = Math.max(
      ...records.filter(other => other.partition === victim.partition).map(other => other.offset),
    )
    damaged.push({ ...victim, offset: end + 1 })
  }
  if (plant === 'reorder-records') {
    damaged[index] = { ...records[neighbour]!, offset: victim.offset }
    damaged[neighbour] = { ...victim, offset: records[neighbour]!.offset }
  }
  if (plant === 'damage-value') damaged[index] = { ...victim, value: `${victim.value}!` }
  return damaged
}
