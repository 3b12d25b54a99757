/**
 * Holds a partition's producer snapshots against its log: replays what the batches' headers say of producers, and
 * compares where a snapshot was taken. A producer that a snapshot knows and the log does not must have written before
 * the log's first offset; one that it lacks had expired.
 */
import { join } from 'node:path'
import type { Disk } from '../platform/disk.ts'
import type { BatchFacts } from '../storage/local/batch-facts.ts'
import { segmentFileName } from '../storage/local/log-files.ts'
import { decodeProducerSnapshot } from '../storage/local/producer-snapshot.ts'
import { type ProducerEntry, ProducerStates } from '../storage/producer-state.ts'
import type { Finding } from './findings.ts'

export class ProducerCheck {
  readonly findings: Finding[] = []
  private readonly states = new ProducerStates()
  private readonly disk: Disk
  private readonly directory: string
  /** Offsets of the snapshots, ascending. */
  private readonly offsets: number[]
  private firstOffset = -1
  private nextOffset = -1
  /** Something is missing or could not be read, so that the log does not tell any more what a snapshot should hold. */
  private isBlind = false

  constructor(disk: Disk, directory: string, offsets: readonly number[]) {
    this.disk = disk
    this.directory = directory
    this.offsets = [...offsets].sort((a, b) => a - b)
  }

  batch(facts: BatchFacts, baseOffset: number): void {
    if (this.nextOffset >= 0 && baseOffset > this.nextOffset) this.unknown()
    this.reached(baseOffset)
    if (this.firstOffset < 0) this.firstOffset = baseOffset
    this.nextOffset = baseOffset + facts.lastOffsetDelta + 1
    if (facts.producerId >= 0) this.states.appended(facts, baseOffset)
  }

  unknown(): void {
    this.isBlind = true
  }

  /** The log goes on, or ends, at `offset`: compares the snapshots up to there. */
  reached(offset: number): void {
    for (let next = this.offsets[0]; next !== undefined && next <= offset; next = this.offsets[0]) {
      this.offsets.shift()
      this.compare(next, next === offset)
    }
  }

  finish(logEndOffset: number): void {
    this.reached(logEndOffset)
    for (const offset of this.offsets) {
      this.report(offset, `it was taken at offset ${offset}, and the log ends at ${logEndOffset}`)
    }
  }

  private compare(offset: number, isBetweenBatches: boolean): void {
    const bytes = this.disk.readFile(this.path(offset)) ?? Buffer.alloc(0)
    const entries = decodeProducerSnapshot(bytes)
    if (entries === undefined) {
      this.report(offset, 'its checksum is wrong, or it is cut off; an older one or the log itself must do')
      return
    }
    // Taken before the log began, or at its beginning: nothing to compare with.
    if (this.isBlind || this.firstOffset < 0 || offset <= this.firstOffset || !isBetweenBatches) return
    for (const entry of entries) {
      const problem = this.difference(entry)
      if (problem === undefined) continue
      this.report(offset, `${problem}; duplicates may be stored, or new records be refused`)
      return
    }
  }

  private difference(entry: ProducerEntry): string | undefined {
    const last = entry.batches.at(-1)
    if (last === undefined) return undefined
    const known = this.states.find(entry.producerId)
    if (known === undefined) {
      if (last.lastOffset < this.firstOffset) return undefined
      return `it has offset ${last.lastOffset} for producer ${entry.producerId}, of which the log knows nothing`
    }
    const written = known.batches.at(-1)!
    const isSame =
      known.epoch === entry.epoch &&
      written.lastOffset === last.lastOffset &&
      written.lastSequence === last.lastSequence
    if (isSame) return undefined
    const text = (epoch: number, { lastSequence, lastOffset }: typeof last) =>
      `epoch ${epoch}, sequence ${lastSequence} and offset ${lastOffset}`
    return `it has ${text(entry.epoch, last)} for producer ${entry.producerId}, the log ${text(known.epoch, written)}`
  }

  private report(offset: number, message: string): void {
    const path = this.path(offset)
    this.findings.push({ severity: 'damage', kind: 'snapshot', path, message, remedy: { type: 'rebuild' } })
  }

  private path(offset: number): string {
    return join(this.directory, segmentFileName(offset, 'snapshot'))
  }
}
