/**
 * Where one fault is played: a broker process, a data directory and clients of its own, and a ledger of what they
 * were promised. At the end of every fault the broker is killed once more, and everything is read back.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type kafkajs from 'kafkajs'
import { freePort, type RunningBroker } from '../../broker-process.ts'
import { type OttlaOptions, startOttla } from '../../ottla-process.ts'
import type { SeededRandom } from '../../seeded-random.ts'
import { readable } from '../../text-table.ts'
import { readBack } from '../read-back.ts'
import { recordLedger, type Violation, type ViolationKind } from '../record-ledger.ts'
import { patientClient, sessionTimeoutMs } from '../workload.ts'
import { loseDropped } from './dropped-writes.ts'
import {
  type Counts,
  groupId,
  hasKcat,
  type Load,
  partitions,
  readThrough,
  startLoad,
  topic,
} from './load.ts'

/** What the table says of a fault. */
export interface Observed {
  producers: string
  consumers: string
  broker: string
  healed: string
}

/** Whoever waits longer for a broker will wait for ever. */
const patienceMs = 20_000
/** Below what `segment.bytes` takes, so that segments are full soon on a slow machine, too. */
const segmentBytes = 262_144

const settings = {
  'metrics.port': '-1',
  'group.min.session.timeout.ms': String(sessionTimeoutMs),
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '4',
  // Often, so that each fault meets them.
  'log.flush.offset.checkpoint.interval.ms': '400',
  'log.flush.start.offset.checkpoint.interval.ms': '700',
}

export interface StageOptions {
  readonly name: string
  readonly directory: string
  /** Outside of the data directory: for what the faulty broker has to remember over its own end. */
  readonly scratch: string
  readonly plant: string | undefined
  readonly random: SeededRandom
}

export class Stage {
  readonly options: StageOptions
  readonly ledger = recordLedger(partitions)
  readonly observed: Observed = { producers: '-', consumers: '-', broker: '-', healed: '-' }
  /** What every broker of this stage has printed. */
  readonly lines: string[] = []
  broker!: RunningBroker
  load: Load | undefined
  /** A partition of it cannot be read back, as is meant. */
  isDamaged = false
  /** When the first records of all partitions had been acknowledged. */
  loadedAtMs = 0
  private port = 0
  private isEndExpected = false
  /** What every start of this broker is given on top of the settings of all. */
  private overrides: Record<string, string> | undefined

  constructor(options: StageOptions) {
    this.options = options
  }

  private get accountPath(): string {
    return join(this.options.scratch, 'dropped-writes.json')
  }

  get directory(): string {
    return this.options.directory
  }

  violate(kind: ViolationKind, text: string): void {
    this.ledger.violate(kind, `${this.options.name}: ${text}`)
  }

  /** Starts the broker. One whose disk or clock can be told to err runs in a process of our own. */
  async start({ isFaulty, ...options }: OttlaOptions & { isFaulty?: boolean } = {}): Promise<void> {
    if (this.port === 0) this.port = await freePort()
    this.overrides ??= options.overrides
    const { directory, plant } = this.options
    const own = fileURLToPath(new URL('./faulty-broker.js', import.meta.url))
    const isOwn = isFaulty === true || plant !== undefined
    const broker = await startOttla({
      port: this.port,
      directory,
      startTimeoutMs: patienceMs,
      onLine: line => this.lines.push(line),
      ...(isOwn ? { main: own, hasChannel: true } : {}),
      ...options,
      overrides: { ...settings, ...this.overrides },
      env: { DROPPED_WRITES: this.accountPath, TORTURE_PLANT: plant, ...options.env },
    })
    this.broker = broker
    this.isEndExpected = false
    void broker.exited.then(how => {
      if (this.broker !== broker || this.isEndExpected) return
      this.violate('crashed', `the broker ended by itself (${how}): ${this.lines.slice(-3).join(' | ')}`)
    })
  }

  /** A start that is to be refused; gives its exit code and what it said on its last line. */
  async startRefused(options: OttlaOptions = {}): Promise<{ code: number; sentence: string }> {
    try {
      const port = await freePort()
      const broker = await startOttla({ port, directory: this.directory, ...options })
      await broker.kill9()
      return { code: 0, sentence: 'it started' }
    } catch (error) {
      const { message } = error as Error
      const code = Number(/exit code (\d+)/.exec(message)?.[1] ?? -1)
      return { code, sentence: message.split('\n').at(-1)! }
    }
  }

  async kill9(): Promise<void> {
    this.isEndExpected = true
    await this.broker.kill9()
  }

  /** Orderly; gives how it ended. */
  async stop(): Promise<string> {
    this.isEndExpected = true
    await this.broker.stop()
    return await this.broker.exited
  }

  /** With a topic, and everybody at work. */
  async startUnderLoad(options: OttlaOptions & { isFaulty?: boolean; batchRecords?: number } = {}) {
    const { batchRecords, ...ofBroker } = options
    await this.start(ofBroker)
    await this.withAdmin(admin =>
      admin.createTopics({
        topics: [
          {
            topic,
            numPartitions: partitions,
            replicationFactor: 1,
            configEntries: [{ name: 'internal.segment.bytes', value: String(segmentBytes) }],
          },
        ],
      }),
    )
    await this.beginLoad(batchRecords)
  }

  async beginLoad(batchRecords?: number): Promise<void> {
    const { ledger, options, broker } = this
    this.load = startLoad({
      bootstrap: broker.bootstrap,
      ledger,
      random: options.random.fork(),
      batchRecords,
    })
    await this.untilAcknowledged()
    if (this.loadedAtMs === 0) this.loadedAtMs = Date.now()
    await this.until(() => this.load!.commits > 2, 'the group commits')
  }

  /** Until all of these partitions have acknowledged more, and kcat has been given more of each. */
  async untilAcknowledged(which: readonly number[] = allPartitions, least = 50): Promise<void> {
    const { acknowledged } = this.load!
    const before = [...acknowledged]
    await this.until(
      () => which.every(partition => acknowledged[partition]! >= before[partition]! + least),
      `records of partitions ${which.join(', ')} are acknowledged`,
    )
  }

  async untilDelivered(which: readonly number[] = allPartitions): Promise<boolean> {
    const before = which.map(partition => this.ledger.nextDelivery(partition))
    return await this.became(() => which.every((p, i) => this.ledger.nextDelivery(p) > before[i]! + 20))
  }

  /** Waits until producers are refused with this. */
  async untilRefused(name: string, times = 3): Promise<void> {
    const { refused } = this.load!
    const before = refused.get(name) ?? 0
    const isSo = await this.became(() => (refused.get(name) ?? 0) >= before + times)
    if (!isSo) this.violate('not refused', `no producer got ${name}; they got ${words(refused)}`)
  }

  async until(isSo: () => boolean, what: string): Promise<void> {
    if (await this.became(isSo)) return
    const { refused, refusedCommits } = this.load!
    const got = `producers got ${words(refused)}, members ${words(refusedCommits)}`
    throw new Error(`waited ${patienceMs / 1000} s in vain until ${what}; ${got}`)
  }

  async became(isSo: () => boolean, withinMs = patienceMs): Promise<boolean> {
    const deadline = performance.now() + withinMs
    while (!isSo()) {
      if (performance.now() > deadline) return false
      await delay(20)
    }
    return true
  }

  /** Whether the broker has said something like this, of late or since it was started. */
  async said(pattern: RegExp, withinMs = 3000): Promise<string | undefined> {
    const find = (): string | undefined => this.lines.find(line => pattern.test(line))
    await this.became(() => find() !== undefined, withinMs)
    const line = find()
    if (line === undefined) this.violate('not told', `the broker never said ${pattern}`)
    return line
  }

  /** Everything acknowledged so far can be read by somebody who comes now. */
  async readsAreServed(which: readonly number[] = allPartitions): Promise<void> {
    if (!hasKcat) return
    const ends = this.ledger.promises().map(({ highestAcknowledged }) => highestAcknowledged)
    const wanted = ends.map((end, partition) => (which.includes(partition) ? end : -1))
    const readCount = await readThrough(this.broker.bootstrap, wanted)
    if (readCount === partitions) {
      const records = wanted.reduce((sum, end) => sum + end + 1, 0)
      this.observed.consumers = `read all ${readable(records)} records`
    } else this.violate('consumers stopped', `${partitions - readCount} partitions could not be read`)
  }

  /** The group and kcat are given new records of these partitions. */
  async consumersGoOn(which: readonly number[] = allPartitions): Promise<void> {
    if (await this.untilDelivered(which)) {
      this.observed.consumers =
        which.length === partitions ? 'went on' : `went on (${which.length} of ${partitions})`
    } else this.violate('consumers stopped', `nothing new of partitions ${which.join(', ')}`)
  }

  /** All partitions take records again, after what `how` says. */
  async heals(how: string): Promise<void> {
    this.load?.refused.clear()
    const startedAt = performance.now()
    try {
      await this.untilAcknowledged()
      const commits = this.load!.commits
      await this.until(() => this.load!.commits > commits, 'the group commits again')
      this.observed.healed = `${how} (${readable(performance.now() - startedAt)} ms)`
    } catch (error) {
      this.violate('not healed', `${how}: ${(error as Error).message}; refused: ${words(this.load!.refused)}`)
    }
  }

  /** Once more: the end of the process, a start, and everything read back. */
  async finish(options: OttlaOptions & { isFaulty?: boolean } = {}): Promise<Violation[]> {
    await this.load?.stop()
    await this.kill9()
    loseDropped(this.accountPath)
    await this.start(options)
    const promises = this.ledger.promises()
    const ends = await this.logEnds()
    const committed = await this.withAdmin(admin => admin.fetchOffsets({ groupId, topics: [topic] }))
    for (let partition = 0; partition < partitions; partition++) {
      this.ledger.checkLogEnd(promises, partition, ends.get(partition) ?? 0)
      const found = committed[0]!.partitions.find(each => each.partition === partition)
      this.ledger.checkCommitted(promises, partition, Number(found?.offset ?? -1))
    }
    const violations = this.isDamaged ? this.ledger.violations() : await this.readEverythingBack(ends)
    const end = await this.stop()
    if (end !== 'exit code 0')
      violations.push({ kind: 'crashed', text: `${this.options.name}: stop: ${end}` })
    return violations
  }

  private async readEverythingBack(ends: Map<number, number>): Promise<Violation[]> {
    const check = this.ledger.beginReadBack()
    try {
      await readBack(this.broker.bootstrap, topic, ends, check.add)
    } catch (error) {
      this.violate('lost', `it cannot be read back: ${(error as Error).message}`)
      return this.ledger.violations()
    }
    return check.end().violations
  }

  async logEnds(): Promise<Map<number, number>> {
    const ends = await this.withAdmin(admin => admin.fetchTopicOffsets(topic))
    return new Map(ends.map(({ partition, high }) => [partition, Number(high)]))
  }

  async withAdmin<T>(ask: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
    const admin = patientClient(this.broker.bootstrap, 'faults-admin').admin({
      retry: { retries: 10, initialRetryTime: 100, maxRetryTime: 1000 },
    })
    await admin.connect()
    try {
      return await ask(admin)
    } finally {
      await admin.disconnect()
    }
  }

  /** Ends whatever is still there. */
  async tearDown(): Promise<void> {
    if (this.load !== undefined) await Promise.race([this.load.stop(), delay(5000)])
    if (this.broker !== undefined) await this.kill9()
  }
}

export const allPartitions: readonly number[] = Array.from({ length: partitions }, (_, index) => index)

export function allBut(partition: number): number[] {
  return allPartitions.filter(each => each !== partition)
}

/** Names, the most frequent first. */
export function words(counts: Counts): string {
  const names = [...counts].sort(([, a], [, b]) => b - a).map(([name]) => name)
  return names.length === 0 ? 'no error' : names.join(', ')
}
