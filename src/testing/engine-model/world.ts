/**
 * One run of the model: an engine on a simulated machine beside the arrays that say what it must do, and what happens
 * between the steps: the disk completes calls, everything is looked at, processes end in one of three ways, and what
 * the next one finds is held against what was promised.
 */
import { brokerSettings } from '../../settings/broker-settings.ts'
import type { LocalStorage } from '../../storage/local/local-storage.ts'
import type { LogOffsets, PartitionRef } from '../../storage/partition-log.ts'
import { CatalogModel, type TopicModel } from './catalog-model.ts'
import { type EngineProcess, type Fault, Machine } from './machine.ts'
import type { Ending, PartitionModel } from './partition-model.ts'
import type { StepRandom } from './random.ts'
import { expect, ModelViolation } from './violation.ts'

const settings = brokerSettings()
const readAllBytes = 1_000_000
/** Starts in a row that may fail because the disk does, or the process dies. */
const mostStarts = 6

export interface WorldOptions {
  readonly random: StepRandom
  /** Write points from the beginning of the run at which the power is lost. */
  readonly losesPowerAt?: number | undefined
}

export type Counts = Record<string, number>

export class World {
  readonly random: StepRandom
  readonly catalog = new CatalogModel(settings)
  readonly machine: Machine
  readonly counts: Counts = {}
  /** What operations have begun and not finished, in this process. */
  readonly begun = new Set<Promise<unknown>>()
  storage!: LocalStorage
  nextProducerId = 1
  /** Words about what happened last. */
  readonly story: string[] = []
  private failure: unknown
  private writePointsBefore = 0
  private losesPowerAt: number

  constructor({ random, losesPowerAt }: WorldOptions) {
    this.random = random
    this.losesPowerAt = losesPowerAt ?? Number.POSITIVE_INFINITY
    this.machine = new Machine({
      random,
      maxOpenSegments: 2 + random.below(8),
      isJournalEnabled: random.chance(85),
      told: words => this.tell(words),
    })
  }

  get process(): EngineProcess {
    return this.machine.process
  }
  get nowMs(): number {
    return this.process.clock.now()
  }
  /** Write points since the run began. */
  get writePoints(): number {
    return this.writePointsBefore + this.process.disk.writePoints
  }
  /** The power was lost where it was to be lost. */
  get wasCut(): boolean {
    return this.losesPowerAt === -1
  }

  tell(words: string): void {
    this.story.push(words)
    if (this.story.length > 60) this.story.shift()
  }

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by
  }

  /** Whether an operation that began when so many faults had struck may fail because of one. */
  tolerates(struckBefore: number, partition?: PartitionModel): boolean {
    const { hadLastingFault, struckCount } = this.process
    return hadLastingFault || struckCount > struckBefore || partition?.mayBeOffline === true
  }

  /** Has something go on beside what follows; what comes of it in a process that is dead is nobody's concern. */
  begin<T>(promise: Promise<T>, done: (value: T) => void, failed: (error: unknown) => void): void {
    const { process } = this
    const work = promise
      .then(
        value => process.disk.isDead || done(value),
        error => process.disk.isDead || failed(error),
      )
      .catch(error => {
        this.failure ??= error
      })
      .finally(() => this.begun.delete(work))
    this.begun.add(work)
  }

  /** After each step: some calls complete, and all partitions are looked at. */
  async between(completions: number): Promise<void> {
    await this.machine.settle()
    await this.machine.completeSome(completions)
    this.throwFailure()
    if (this.process.disk.isDead) await this.afterDeath()
    else this.observe()
  }

  /** Something went wrong beside the steps. */
  failed(error: unknown): void {
    this.failure ??= error
  }

  private throwFailure(): void {
    if (this.failure !== undefined) throw this.failure
  }

  observe(): void {
    for (const topic of this.catalog.topics.values()) {
      const configs = this.catalog.possibleConfigs(topic)
      for (const partition of topic.partitions) {
        const offsets = this.offsets(partition, topic)
        if (offsets !== undefined) partition.observe(offsets, configs, this.nowMs)
      }
      topic.recentConfigs = [topic.config]
    }
  }

  /** undefined: it is rightly not there, or offline. */
  offsets(partition: PartitionModel, topic: TopicModel): LogOffsets | undefined {
    try {
      return this.storage.logs.offsets(partition.partition)
    } catch (error) {
      this.requireTolerable(error, partition, topic, 0)
      return undefined
    }
  }

  /** Throws unless an error is one of a disk that fails, or of a topic that may be deleted. */
  requireTolerable(error: unknown, partition: PartitionModel, topic: TopicModel, struckBefore: number): void {
    if (this.process.disk.isDead) return
    const { name, message } = error as Error
    const isFault = name === 'KAFKA_STORAGE_ERROR' && this.tolerates(struckBefore, partition)
    const isGone = name === 'UNKNOWN_TOPIC_OR_PARTITION' && this.catalog.mayBeGone(topic)
    if (isFault) this.count('storage errors')
    expect(isFault || isGone, 'send failed', () => `${partition.name}: ${name} ${message}`)
  }

  /** Waits for everything that was begun; then everything is on disk, where that is promised. */
  async finishAll(): Promise<void> {
    const { process } = this
    await this.machine.finish(Promise.all([...this.begun]))
    if (!process.disk.isDead) await this.machine.finish(this.storage.logs.idle())
    if (!process.disk.isDead) await this.machine.finish(this.storage.retention.idle())
    this.throwFailure()
    if (process.disk.isDead) return
    this.observe()
    if (process.struckCount > 0) return
    for (const topic of this.catalog.topics.values()) {
      if (this.catalog.open !== undefined || topic.config.writeCaching) continue
      for (const { name, highWatermark, end } of topic.partitions)
        expect(highWatermark === end, 'send failed', () => `${name}: ${highWatermark} of ${end} at rest`)
    }
  }

  async closeCleanly(): Promise<void> {
    const { process } = this
    await this.finishAll()
    if (process.disk.isDead) return this.afterDeath()
    this.observe()
    await this.machine.finish(this.storage.close())
    if (process.disk.isDead) return this.afterDeath()
    // One that went offline after retention could not be looked at since; what it starts with was stored all the same.
    this.noteStarts()
    const isWhole = process.struckCount === 0
    if (isWhole) for (const partition of this.catalog.partitions()) partition.promise(partition.end)
    const leaked = process.disk.openCount
    expect(leaked === 0 || !isWhole, 'crashed', () => `${leaked} files are open after the end`)
    // The power may be lost when everything is in order, too.
    if (this.random.chance(30)) return this.end('power loss')
    await this.reopen(isWhole ? 'clean close' : 'kill')
  }

  /** The process has died at a write point. */
  private afterDeath(): Promise<void> {
    if (this.losesPowerAt <= this.writePoints) this.losesPowerAt = -1
    return this.end(this.wasCut || this.random.chance(60) ? 'power loss' : 'kill')
  }

  /** Ends the process at once, and opens the engine on what that left. */
  async end(ending: 'power loss' | 'kill'): Promise<void> {
    this.noteStarts()
    this.tell(ending)
    this.count(ending === 'kill' ? 'kills' : 'power losses')
    if (ending === 'kill') this.machine.kill()
    else this.losePower()
    await this.reopen(ending)
  }

  private losePower(): void {
    this.machine.losePower()
    for (const partition of this.catalog.partitions()) partition.powerLost()
  }

  /** Where logs start may have moved since they were looked at, with nobody told. */
  private noteStarts(): void {
    const models = new Map([...this.catalog.partitions()].map(model => [keyOf(model.partition), model]))
    for (const { partition, logStartOffset } of this.storage.logs.all()) {
      const model = models.get(keyOf(partition))
      if (model !== undefined) model.highestStart = Math.max(model.highestStart, logStartOffset)
    }
  }

  /** Opens the engine, for the first time too; the process may die on the way, and the disk fail. */
  async reopen(ending: Ending): Promise<void> {
    const { random, machine } = this
    let isPowerLost = ending === 'power loss'
    let isClean = ending === 'clean close'
    this.begun.clear()
    for (let attempt = 0; ; attempt++) {
      this.writePointsBefore += this.process.disk.writePoints
      const isLast = attempt >= mostStarts
      const fault = isLast || !random.chance(3) ? undefined : newFault(random)
      const diesAt = isLast || !random.chance(20) ? Number.POSITIVE_INFINITY : random.below(60)
      const cutAt =
        this.losesPowerAt < 0 ? Number.POSITIVE_INFINITY : this.losesPowerAt - this.writePointsBefore
      this.count('starts')
      const opening = machine.start(Math.min(diesAt, cutAt), fault)
      const { process } = this
      try {
        const storage = await machine.finish(opening)
        if (storage !== undefined) {
          process.disk.diesAt = cutAt
          process.fault = undefined
          this.storage = storage
          await this.verify(isPowerLost ? 'power loss' : isClean ? 'clean close' : 'kill')
          if (!process.disk.isDead) return
        }
      } catch (error) {
        if (error instanceof ModelViolation) throw error
        const isExcused = process.struckCount > 0 || process.disk.isDead
        expect(isExcused, 'does not start', () => (error as Error).stack ?? String(error))
        this.count('failed starts')
        process.disk.die()
      }
      // What the process has begun ends with it, and another one comes.
      isClean = false
      if (process.disk.writePoints > cutAt) this.losesPowerAt = -1
      if (this.wasCut || random.chance(50)) {
        this.losePower()
        isPowerLost = true
        this.tell('power loss while starting')
      }
    }
  }

  /** Holds everything that is there after a start against what was promised, and goes on from that. */
  private async verify(ending: Ending): Promise<void> {
    const { process, catalog } = this
    catalog.adopt(this.storage.catalog.current(), true, false)
    for (const topic of catalog.topics.values()) {
      for (const partition of topic.partitions) {
        partition.mayBeOffline = process.struckCount > 0
        const offsets = this.offsets(partition, topic)
        if (offsets === undefined) continue
        partition.reopened(offsets, ending)
        await this.readAll(partition)
        if (process.disk.isDead) return
      }
      topic.recentConfigs = [topic.config]
    }
  }

  private async readAll(partition: PartitionModel): Promise<void> {
    const { logs } = this.storage
    for (let offset = partition.start; offset < partition.end; ) {
      const item = {
        partition: partition.partition,
        offset,
        maxBytes: readAllBytes,
        isolation: 'read_uncommitted' as const,
      }
      const outcome = await this.machine.finish(Promise.resolve(logs.read([item], readAllBytes)))
      if (outcome === undefined) return
      const result = outcome.results[0]!
      if (result.error === 'KAFKA_STORAGE_ERROR' && this.tolerates(0, partition)) return
      const { start, end } = partition
      partition.checkRead(offset, result, {
        room: readAllBytes,
        isFirst: true,
        seenStart: start,
        seenEnd: end,
      })
      let size = 0
      for (let i = partition.indexAt(offset); size < result.size; i++) {
        size += partition.batches[i]!.bytes.length
        offset = partition.batches[i]!.nextOffset
      }
      outcome.release()
    }
  }
}

function keyOf({ topicId, index }: PartitionRef): string {
  return `${topicId}:${index}`
}

/** A disk that is full, or takes no more names, for a while; or one that has errors. */
export function newFault(random: StepRandom): Fault {
  switch (random.below(6)) {
    case 0:
      return { code: 'ENOSPC', actions: ['grow'], percent: 100, left: undefined }
    case 1:
      return { code: 'ENOSPC', actions: ['grow'], percent: 30, left: undefined }
    case 2:
      return { code: 'EMFILE', actions: ['open'], percent: random.pick([20, 100]), left: undefined }
    case 3:
      return { code: 'EIO', actions: ['sync'], percent: 100, left: 1 + random.below(2) }
    case 4:
      return { code: 'EIO', actions: ['write'], percent: 100, left: 1 + random.below(3) }
    default:
      return { code: 'EIO', actions: ['read', 'write', 'sync'], percent: 30, left: 1 + random.below(6) }
  }
}
