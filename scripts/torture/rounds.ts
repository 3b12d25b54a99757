/**
 * Plays the rounds of a scenario: lets the workload run for a seeded random time, has the fault done to the broker,
 * and goes on when a record has been acknowledged again, asking the broker for log ends and committed offsets. A
 * round counts if the broker was under load when the fault came: at least `requiredRate` acknowledged records a
 * second since everybody was back, and commits of the group. At the end the broker is killed once more, and the
 * whole log is read back with another client and held against the ledger.
 */
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type kafkajs from 'kafkajs'
import { freePort, type RunningBroker } from '../broker-process.ts'
import { median, percentile } from '../statistics.ts'
import { readable } from '../text-table.ts'
import { damaged } from './plants.ts'
import { type Reader, readBack } from './read-back.ts'
import { type ReadBackSummary, type RecordLedger, recordLedger } from './record-ledger.ts'
import type { TortureContext, TortureResult } from './scenario.ts'
import { patientClient, startWorkload, type Workload } from './workload.ts'
import { untilRecordsAreWritten } from './written-moment.ts'

export const topic = 'torture'
const groupId = 'torture-group'
const partitions = 12
const segmentBytes = 1_048_576
const requiredRate = 2000
const attemptedRate = 6000
/** How long a fault lets the clients work before it comes. */
const shortestUpMs = 500
const longestUpMs = 3300
/** Whoever is not served for so long will never be. */
const patienceMs = 60_000

export type Fault = (broker: RunningBroker, restart: () => Promise<RunningBroker>) => Promise<RunningBroker>

interface Round {
  round: number
  upMs: number
  acknowledged: number
  recordsPerSecond: number
  commits: number
  counts: boolean
  killedStarts: number
  startMs: number
  /** From the fault to the first acknowledgement after it. */
  outageMs: number
}

/** What a run is made of; the broker is the one that runs at the moment. */
interface Stage {
  readonly context: TortureContext
  readonly place: { readonly port: number; readonly directory: string }
  readonly ledger: RecordLedger
  readonly admin: kafkajs.Admin
  readonly workload: Workload
  broker: RunningBroker
}

export async function torture(
  context: TortureContext,
  { killsStarts }: { killsStarts: boolean },
  fault: Fault,
): Promise<TortureResult> {
  const directory = await mkdtemp(join(tmpdir(), 'torture-'))
  context.print(`data in ${directory}`)
  const stage = await setUp(context, directory)
  const { ledger } = stage
  const rounds = await playRounds(stage, killsStarts, fault)
  const counted = rounds.filter(({ counts }) => counts)
  if (counted.length < context.rounds && ledger.violations().length === 0) {
    const text = `${counted.length} of ${rounds.length} rounds had ${requiredRate} acknowledged records/s and a commit`
    ledger.violate('too slow', text)
  }
  context.print('reading everything back')
  const { reader, summary } = await readEverythingBack(stage)
  await stage.admin.disconnect()
  await stage.broker.stop()
  const segments = countSegments(stage.broker.logDirectory)
  if (summary.violations.length === 0 || context.plant !== undefined) {
    await rm(directory, { recursive: true, force: true })
  }
  return {
    headings: ['what', 'value'],
    rows: [
      ...rowsOfRounds(rounds, counted),
      ['segments of 1 MiB, per partition', readable(segments / partitions)],
      ...rowsOfRecords(ledger, summary, reader.name),
    ],
    violations: summary.violations,
    skipped: reader.isOfAnotherLanguage
      ? []
      : ['reading back with a client in another language (kcat or Java)'],
    directory,
    samples: rounds,
  }
}

async function setUp(context: TortureContext, directory: string): Promise<Stage> {
  const place = { port: await freePort(), directory }
  const ledger = recordLedger(partitions)
  const broker = await context.start(place)
  const admin = patientClient(broker.bootstrap, 'torture-admin').admin()
  await admin.connect()
  await createTopic(admin)
  const workload = await startWorkload({
    bootstrap: broker.bootstrap,
    topic,
    groupId,
    partitions,
    producers: 4,
    members: 3,
    recordsPerSecond: attemptedRate,
    ledger,
    random: context.random.fork(),
  })
  return { context, place, ledger, admin, workload, broker }
}

/** Until enough of them count, or something was violated. */
async function playRounds(stage: Stage, killsStarts: boolean, fault: Fault): Promise<Round[]> {
  const { admin, context, ledger, workload } = stage
  const rounds: Round[] = []
  let counted = 0
  // As many again may be lost to a machine that is busy with something else.
  while (counted < context.rounds && rounds.length < 2 * context.rounds) {
    await patiently(workload.everybodyAcknowledged(), 'every producer and every member is acknowledged')
    const { upMs, acknowledged, commits } = await work(stage)
    const faultAt = performance.now()
    let killedStarts = 0
    stage.broker = await fault(stage.broker, async () => {
      killedStarts = killsStarts ? await killSomeStarts(stage) : 0
      return await context.start(stage.place)
    })
    await patiently(workload.nextAcknowledgement(), 'a record is acknowledged')
    const outageMs = performance.now() - faultAt
    await checkAfterRestart(admin, ledger)
    const recordsPerSecond = (acknowledged / upMs) * 1000
    const counts = recordsPerSecond >= requiredRate && commits > 0
    if (counts) counted++
    const round: Round = {
      round: rounds.length + 1,
      upMs,
      acknowledged,
      recordsPerSecond,
      commits,
      counts,
      killedStarts,
      startMs: stage.broker.startMs,
      outageMs,
    }
    rounds.push(round)
    const violations = ledger.violations()
    context.print(roundLine(round, violations.length))
    for (const { kind, text } of violations.slice(0, 5)) context.print(`  ${kind}: ${text}`)
    if (violations.length > 0) break
  }
  return rounds
}

/** Lets the clients end what they are at, and holds the whole log against what they were promised. */
async function readEverythingBack(stage: Stage): Promise<{ reader: Reader; summary: ReadBackSummary }> {
  const { admin, context, ledger, workload } = stage
  await workload.stopProducers()
  const ends = await logEnds(admin)
  await workload.drain(ends, ledger.violations().length > 0 ? 1000 : patienceMs)
  await workload.stopConsumers()
  // Whatever was acknowledged in the last moments goes through a crash as well.
  await stage.broker.kill9()
  stage.broker = await context.start(stage.place)
  await checkAfterRestart(admin, ledger)
  if (context.plant === 'rewind-commit') ledger.checkCommitted(ledger.promises(), 0, 0)
  if (ledger.violations().length === 0) checkDelivery(ledger, ends)
  const check = damaged(ledger.beginReadBack(), context.plant)
  const reader = await readBack(stage.broker.bootstrap, topic, await logEnds(admin), check.add)
  return { reader, summary: check.end() }
}

async function createTopic(admin: kafkajs.Admin): Promise<void> {
  const configEntries = [{ name: 'segment.bytes', value: String(segmentBytes) }]
  await admin.createTopics({
    topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
  })
}

/** Until the moment of the fault: any, or, every other time, one between the write of records and its answer. */
async function work({ broker, context, ledger, workload }: Stage) {
  const { random } = context
  const before = { acknowledged: ledger.acknowledgedCount(), commits: ledger.committedCount() }
  const upAt = performance.now()
  if (random.chance(0.3)) void workload.replaceMember().catch(() => undefined)
  await delay(random.between(shortestUpMs, longestUpMs))
  if (random.chance(0.5)) await untilRecordsAreWritten(broker.logDirectory, topic, patienceMs)
  return {
    upMs: performance.now() - upAt,
    acknowledged: ledger.acknowledgedCount() - before.acknowledged,
    commits: ledger.committedCount() - before.commits,
  }
}

/** Starts that are killed while they recover, now and then; resolves with their number. */
async function killSomeStarts({ context, place }: Stage): Promise<number> {
  const { random } = context
  const count = random.chance(0.25) ? random.between(1, 2) : 0
  for (let attempt = 0; attempt < count; attempt++) {
    await killedStart(context, place, random.between(20, 400))
  }
  return count
}

async function killedStart(context: TortureContext, place: Stage['place'], afterMs: number): Promise<void> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), afterMs)
  try {
    const broker = await context.start({ ...place, signal: abort.signal })
    // It was faster.
    await broker.kill9()
  } catch (error) {
    // A start that failed by itself is a finding, not the fault that was asked for.
    if (!abort.signal.aborted) throw error
  } finally {
    clearTimeout(timer)
  }
}

/** Log ends and committed offsets, as the restarted broker tells them, against what was promised before. */
async function checkAfterRestart(admin: kafkajs.Admin, ledger: RecordLedger): Promise<void> {
  const promises = ledger.promises()
  const ends = await logEnds(admin)
  const offsets = await committedOffsets(admin)
  for (let partition = 0; partition < partitions; partition++) {
    // What the broker does not speak of is lost.
    ledger.checkLogEnd(promises, partition, ends.get(partition) ?? 0)
    ledger.checkCommitted(promises, partition, offsets.get(partition) ?? -1)
  }
}

function checkDelivery(ledger: RecordLedger, ends: Map<number, number>): void {
  for (const [partition, end] of ends) {
    const next = ledger.nextDelivery(partition)
    if (next < end) ledger.violate('not delivered', `partition ${partition} from ${next} to its end ${end}`)
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
  const deadline = performance.now() + patienceMs / 2
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await delay(100)
    }
  }
}

/** A broker that serves nobody is to end the run, not to stop it for ever. */
async function patiently(event: Promise<unknown>, what: string): Promise<void> {
  const abort = new AbortController()
  const timeout = delay(patienceMs, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`waited ${patienceMs / 1000} s in vain until ${what}`)
  })
  await Promise.race([event, timeout]).finally(() => {
    timeout.catch(() => undefined)
    abort.abort()
  })
}

function countSegments(logDirectory: string): number {
  let count = 0
  for (let partition = 0; partition < partitions; partition++) {
    const names = readdirSync(join(logDirectory, `${topic}-${partition}`))
    count += names.filter(name => name.endsWith('.log')).length
  }
  return count
}

function roundLine(round: Round, violationCount: number): string {
  const { acknowledged, commits, counts, killedStarts, outageMs, recordsPerSecond, startMs, upMs } = round
  return [
    `round ${round.round}: up ${readable(upMs)} ms`,
    `${readable(acknowledged)} acknowledged (${readable(recordsPerSecond)}/s)`,
    `${readable(commits)} commits`,
    `outage ${readable(outageMs)} ms`,
    `start ${readable(startMs)} ms`,
    ...(killedStarts > 0 ? [`${killedStarts} start(s) killed`] : []),
    `${violationCount} violations`,
    ...(counts ? [] : ['does not count: too little load']),
  ].join(', ')
}

function rowsOfRounds(rounds: readonly Round[], counted: readonly Round[]): TortureResult['rows'] {
  const rates = counted.map(({ recordsPerSecond }) => recordsPerSecond)
  const outagesMs = rounds.map(({ outageMs }) => outageMs)
  return [
    ['rounds that count', `${counted.length} of ${rounds.length}`],
    ['starts killed', rounds.reduce((sum, { killedStarts }) => sum + killedStarts, 0)],
    [
      `acknowledged records/s before a fault, least (at least ${requiredRate})`,
      readable(percentile(rates, 0)),
    ],
    ['acknowledged records/s before a fault, median', readable(median(rates))],
    ['start ms, median', readable(median(rounds.map(({ startMs }) => startMs)))],
    ['outage ms, median', readable(median(outagesMs))],
    ['outage ms, p95', readable(percentile(outagesMs, 95))],
  ]
}

function rowsOfRecords(
  ledger: RecordLedger,
  summary: ReadBackSummary,
  reader: string,
): TortureResult['rows'] {
  return [
    ['acknowledged records', readable(summary.acknowledged)],
    [`read back with ${reader}`, readable(summary.read)],
    ['in the log without an answer', readable(summary.unanswered)],
    ['delivered to the group', readable(ledger.deliveredCount())],
    ['commits acknowledged', readable(ledger.committedCount())],
    ['violations', summary.violations.length],
  ]
}
