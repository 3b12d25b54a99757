/**
 * The machine that a run of the model happens on: a simulated disk, and one process after the other that has the engine
 * open on it, each with a clock of its own. Nothing passes by itself: whoever waits has the disk's calls completed, in
 * an order that the run's random numbers decide.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Logger } from '../../platform/logger.ts'
import type { LocalStorage } from '../../storage/local/local-storage.ts'
import type { ImageStyle } from '../crash-model.ts'
import { ManualClock } from '../manual-clock.ts'
import { type FaultCode, type FaultyAction, SimulatedDisk, SimulatedDrive } from '../simulated-disk.ts'
import { openTestStorage } from '../test-storage.ts'
import type { StepRandom } from './random.ts'
import { expect } from './violation.ts'

export const dataDirectory = '/var/data'
const styles = ['nothing', 'everything', 'in order', 'any', 'any', 'any'] as const
/** Calls of the disk that are completed for one promise before it is taken to wait for ever. */
const longestWait = 5000
const patience = 500
const postponedMs = 100

/** Which calls fail, and how many of a hundred. */
export interface Fault {
  readonly code: FaultCode
  readonly actions: readonly FaultyAction[]
  readonly percent: number
  /** Where they fail; undefined: everywhere. */
  readonly path?: RegExp
  /** undefined: until it is healed. */
  left: number | undefined
}

/** A process with the engine open, or opening. */
export class EngineProcess {
  readonly disk: SimulatedDisk
  readonly clock: ManualClock
  storage: LocalStorage | undefined
  fault: Fault | undefined
  /** Faults that have struck so far; and whether one did that an engine need not get over without a restart. */
  struckCount = 0
  hadLastingFault = false

  constructor(drive: SimulatedDrive, random: StepRandom, nowMs: number, diesAt: number, fault?: Fault) {
    this.clock = new ManualClock(nowMs)
    this.fault = fault
    this.disk = new SimulatedDisk(drive, {
      random: limit => random.below(limit),
      nowMs: () => this.clock.now(),
      fault: (action, path) => this.strikes(action, path, random),
    })
    this.disk.diesAt = diesAt
  }

  private strikes(action: FaultyAction, path: string, random: StepRandom): FaultCode | undefined {
    const { fault } = this
    if (fault === undefined || !fault.actions.includes(action) || fault.path?.test(path) === false)
      return undefined
    if (!random.chance(fault.percent)) return undefined
    if (fault.left !== undefined && --fault.left <= 0) this.fault = undefined
    this.struckCount++
    // What fails while the engine opens or makes something may stay away until the next start.
    if (fault.code === 'EIO' || this.storage === undefined) this.hadLastingFault = true
    return fault.code
  }
}

function loggerTo(told: (words: string) => unknown): Logger {
  const log = (first: string | object, message?: string): void => {
    const details = (typeof first === 'string' ? {} : first) as {
      err?: Error
      directory?: string
      path?: string
    }
    const { err, path, directory = path ?? '' } = details
    told(`  ${message ?? first} ${directory} ${err === undefined ? '' : err.message}`)
  }
  const nothing = (): void => {}
  return { debug: nothing, info: nothing, warn: log, error: log, fatal: log, child: () => loggerTo(told) }
}

export interface MachineOptions {
  readonly random: StepRandom
  readonly maxOpenSegments: number
  readonly isJournalEnabled: boolean
  /** Told what the engine writes into its log. */
  told(words: string): void
}

export class Machine {
  process: EngineProcess
  imageCount = 0
  private drive: SimulatedDrive
  private readonly options: MachineOptions

  constructor(options: MachineOptions) {
    this.options = options
    this.drive = new SimulatedDrive()
    this.process = new EngineProcess(this.drive, options.random, 1_700_000_000_000, Number.POSITIVE_INFINITY)
  }

  /** Begins to open the engine in a new process, which may be made to die, or to have a disk that fails. */
  start(diesAt = Number.POSITIVE_INFINITY, fault?: Fault): Promise<LocalStorage> {
    const { random, maxOpenSegments, isJournalEnabled, told } = this.options
    const process = new EngineProcess(this.drive, random, this.process.clock.now() + 1, diesAt, fault)
    this.process = process
    const opening = openTestStorage({
      directory: dataDirectory,
      lock: () => () => {},
      disk: process.disk,
      clock: process.clock,
      logger: loggerTo(words => process.disk.isDead || told(words)),
      maxOpenSegments,
      isJournalEnabled,
      producerIdExpirationMs: Number.POSITIVE_INFINITY,
    })
    return opening.then(storage => {
      process.storage = storage
      return storage
    })
  }

  /** What the disk is left with after a power loss. The process is dead already, or dies of it. */
  losePower(style?: ImageStyle): void {
    const { random } = this.options
    this.process.disk.die()
    this.imageCount++
    this.drive = new SimulatedDrive(
      this.drive.model.image(limit => random.below(limit), style ?? random.pick(styles)),
    )
  }

  /** The process dies, and the kernel goes on. */
  kill(): void {
    this.process.disk.die()
  }

  /** Lets everything happen that needs nothing more from the disk. */
  async settle(): Promise<void> {
    await nextTurn()
  }

  async completeSome(count: number): Promise<void> {
    for (let i = 0; i < count && this.process.disk.pending.length > 0; i++) {
      this.process.disk.completeAny()
      await nextTurn()
    }
  }

  /** Completes calls until a promise settles; undefined when the process died of it. Throws what it rejects with. */
  async finish<T>(promise: Promise<T>): Promise<T | undefined> {
    const { process } = this
    let outcome: { value: T } | { error: unknown } | undefined
    promise.then(
      value => {
        outcome = { value }
      },
      error => {
        outcome = { error }
      },
    )
    for (let waited = 0; ; waited++) {
      await nextTurn()
      if (process.disk.isDead) return undefined
      if (outcome !== undefined) break
      expect(waited < longestWait, 'too slow', () => 'something is never done')
      // Whoever waits for a disk that is full, or for a descriptor, waits until it is healed.
      if (waited === patience) process.fault = undefined
      if (process.disk.pending.length > 0) process.disk.completeAny()
      // A sync that was put off for want of a descriptor.
      else process.clock.advance(postponedMs)
    }
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }
}
