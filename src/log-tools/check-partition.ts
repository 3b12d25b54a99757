/**
 * Verifies one partition's directory: every batch of every segment, in order, and with the same walk its indexes,
 * producer snapshots and history of leader epochs. Reads each segment once, a stretch at a time.
 */
import { basename, join } from 'node:path'
import { batchBody, recordsOf } from '../../protocol-codecs/read-records.ts'
import {
  batchBaseSequence,
  batchIsControl,
  batchLastOffsetDelta,
  batchLeaderEpoch,
  batchProducerEpoch,
  batchProducerId,
  batchRecordCount,
} from '../../protocol-codecs/record-batch.ts'
import { createRecordFacts, walkRecords } from '../../protocol-codecs/walk-records.ts'
import type { Disk } from '../platform/disk.ts'
import type { BatchFacts } from '../storage/local/batch-facts.ts'
import { type Debris, LogFile, type Walked, type WalkedBatch } from '../storage/local/batch-walk.ts'
import { LeaderEpochs } from '../storage/local/leader-epochs.ts'
import { leaderEpochFileName, parseSegmentFileName, segmentFileName } from '../storage/local/log-files.ts'
import { indexableTimestamp } from '../storage/local/scan-batches.ts'
import {
  BatchOrder,
  baseOffsetOf,
  type Judged,
  type Neighbour,
  type Piece,
  pieceOf,
  prefixSize,
} from './batch-order.ts'
import { IndexCheck } from './check-indexes.ts'
import { accusedEpochs, checkEnds, checkEpochHistory, checkOwner } from './check-partition-files.ts'
import { ProducerCheck } from './check-producers.ts'
import { filesIn, type PartitionDirectory, type RecordsKind, recordsKindOf } from './data-files.ts'
import { decodeRecord } from './decode-record.ts'
import { type Counts, type Finding, noCounts } from './findings.ts'
import type { PartitionKnowledge } from './partition-knowledge.ts'
import { repairedGaps } from './set-aside.ts'

export interface CheckedPartition {
  readonly directory: PartitionDirectory
  readonly counts: Counts
  readonly findings: readonly Finding[]
  /** Of the first batch; the log end offset when there is none. */
  readonly firstOffset: number
  readonly logEndOffset: number
}

interface OpenSegmentCheck {
  readonly path: string
  readonly indexes: IndexCheck
}

export async function checkPartition(
  disk: Disk,
  directory: PartitionDirectory,
  knowledge: PartitionKnowledge,
): Promise<CheckedPartition> {
  return new PartitionCheck(disk, directory, knowledge).run()
}

class PartitionCheck {
  private readonly disk: Disk
  private readonly directory: PartitionDirectory
  private readonly knowledge: PartitionKnowledge
  private readonly recordsKind: RecordsKind
  private readonly findings: Finding[] = []
  private readonly counts = noCounts()
  private readonly epochs: LeaderEpochs
  private readonly epochsPath: string
  private readonly order: BatchOrder
  private readonly producers: ProducerCheck
  private readonly facts = createRecordFacts()
  private readonly segments: number[] = []
  private firstOffset = -1
  private epochsDisagree = false
  /** The batch that waits for its successor, and what is to be told of it then. */
  private pending: { piece: Piece; note: (judged: Judged) => void } | undefined

  constructor(disk: Disk, directory: PartitionDirectory, knowledge: PartitionKnowledge) {
    this.disk = disk
    this.directory = directory
    this.knowledge = knowledge
    this.recordsKind = recordsKindOf(directory.topic)
    this.epochsPath = join(directory.path, leaderEpochFileName)
    this.epochs = new LeaderEpochs(disk, this.epochsPath).load()
    const snapshots: number[] = []
    for (const path of filesIn(disk, directory.path)) this.noteFile(path, snapshots)
    this.segments.sort((a, b) => a - b)
    this.producers = new ProducerCheck(disk, directory.path, snapshots)
    const gaps = repairedGaps(disk, directory.path)
    this.order = new BatchOrder({
      mayHaveGaps: knowledge.isCompacted,
      epochAt: offset => (this.epochs.latest() < 0 ? undefined : this.epochs.epochAt(offset)),
      lastEpoch: this.lastEpoch(),
      gapIsKnown: (from, to) => this.reasonOfGap(gaps, from, to),
      mayBeTorn: offset => knowledge.wasStoppedCleanly !== true && offset >= knowledge.recoveryPoint,
    })
  }

  async run(): Promise<CheckedPartition> {
    for (const [n, baseOffset] of this.segments.entries()) {
      const path = this.path(baseOffset)
      this.findings.push(...this.order.enterSegment(path, baseOffset))
      await this.checkSegment(path, baseOffset, n === this.segments.length - 1)
    }
    const logEndOffset = this.order.expected ?? this.knowledge.logStartOffset
    this.producers.finish(logEndOffset)
    this.findings.push(...this.producers.findings)
    const { disk, knowledge, segments } = this
    const path = this.directory.path
    const facts = { hasRecords: this.firstOffset >= 0, firstSegment: segments[0] ?? 0, logEndOffset }
    this.findings.push(...checkEpochHistory(disk, path, knowledge, facts))
    this.findings.push(...checkOwner(disk, path, knowledge))
    this.findings.push(...checkEnds(path, knowledge, logEndOffset))
    const firstOffset = this.firstOffset < 0 ? logEndOffset : this.firstOffset
    const { counts, directory, findings } = this
    return { directory, counts, findings, firstOffset, logEndOffset }
  }

  private path(baseOffset: number): string {
    return join(this.directory.path, segmentFileName(baseOffset, 'log'))
  }

  private noteFile(path: string, snapshots: number[]): void {
    const file = parseSegmentFileName(basename(path))
    if (file?.kind === 'log') this.segments.push(file.baseOffset)
    if (file?.kind === 'snapshot') snapshots.push(file.baseOffset)
    if (!/\.(cleaned|swap|deleted|tmp)$/.test(path)) return
    const message = 'left by work that a crash or a stop interrupted; the next start finishes or removes it'
    this.findings.push({ severity: 'note', kind: 'leftover', path, message })
  }

  private lastEpoch(): number {
    const { leaderEpoch } = this.knowledge
    if (leaderEpoch !== undefined) return leaderEpoch
    return this.epochs.latest() < 0 ? 0x7fffffff : this.epochs.latest()
  }

  /** Where a clean stop left the log's end. */
  private knownEnd(): number | undefined {
    const { recoveryPoint, wasStoppedCleanly } = this.knowledge
    return wasStoppedCleanly === true && recoveryPoint > 0 ? recoveryPoint : undefined
  }

  private reasonOfGap(
    gaps: readonly (readonly [number, number])[],
    from: number,
    to: number,
  ): string | undefined {
    if (gaps.some(([start, end]) => start <= from && to <= end))
      return 'they were damaged, and repair has set them aside'
    const { hasJournal, recoveryPoint, wasStoppedCleanly } = this.knowledge
    const mayBeInJournal = hasJournal && wasStoppedCleanly === false && to > recoveryPoint
    return mayBeInJournal
      ? 'a crash came before they were in this file; the next start gets them from the journal'
      : undefined
  }

  private async checkSegment(path: string, baseOffset: number, isLast: boolean): Promise<void> {
    const file = new LogFile(this.disk, path)
    const { recoveryPoint, wasStoppedCleanly } = this.knowledge
    const indexes = new IndexCheck({
      disk: this.disk,
      directory: this.directory.path,
      baseOffset,
      logSize: file.size,
      isFinished: !isLast,
      isRebuiltAnyway: wasStoppedCleanly !== true && (isLast || this.endsBehind(baseOffset, recoveryPoint)),
    })
    this.counts.segments++
    this.counts.bytes += file.size
    const segment = { path, indexes }
    try {
      for await (const stretch of file.walk()) {
        for (const walked of stretch) this.take(walked, segment, isLast, file.size)
      }
    } finally {
      file.close()
    }
    // The name of the next segment says where this one ends.
    const next = this.segments[this.segments.indexOf(baseOffset) + 1] ?? this.knownEnd()
    this.settle(next === undefined ? undefined : { baseOffset: next, leaderEpoch: undefined })
    this.findings.push(...indexes.finish())
  }

  private endsBehind(baseOffset: number, recoveryPoint: number): boolean {
    const next = this.segments[this.segments.indexOf(baseOffset) + 1]
    return next === undefined || next > recoveryPoint
  }

  private take(walked: Walked, segment: OpenSegmentCheck, isLast: boolean, fileSize: number): void {
    if (walked.kind === 'debris') this.takeDebris(walked, segment, isLast, fileSize)
    else this.takeBatch(walked, segment, isLast && walked.position + walked.size === fileSize)
  }

  private takeDebris(debris: Debris, segment: OpenSegmentCheck, isLast: boolean, fileSize: number): void {
    const { path } = segment
    const { end, isZeroes, mended, position } = debris
    const size = end - position
    const problem = isZeroes ? `${debris.problem}, and only zeroes follow` : debris.problem
    const isAtEnd = end === fileSize && (isLast || mended === undefined)
    if (mended !== undefined) {
      const before = this.prefixOnDisk(path, position)
      const piece = pieceOf('whole', path, position, mended, { size, problem, isAtEnd, before })
      this.takeWhole(piece, mended, segment)
      return
    }
    const piece = pieceOf('debris', path, position, Buffer.alloc(0), { size, problem, isAtEnd })
    this.next(piece, undefined, judged => segment.indexes.unknown(end, judged.nextOffset))
  }

  private takeBatch(batch: WalkedBatch, segment: OpenSegmentCheck, isAtEnd: boolean): void {
    const { path } = segment
    const { at, buffer, kind, position, size } = batch
    const bytes = buffer.subarray(at, at + size)
    if (kind === 'whole') {
      this.takeWhole(pieceOf('whole', path, position, bytes, { size, isAtEnd }), bytes, segment)
      return
    }
    const problem = 'does not fit its checksum'
    const piece = pieceOf('broken', path, position, bytes, { size, isAtEnd, problem })
    this.next(piece, neighbourOf(piece), judged =>
      segment.indexes.unknown(position + size, judged.nextOffset),
    )
  }

  private prefixOnDisk(path: string, position: number): Buffer {
    const file = new LogFile(this.disk, path)
    try {
      return file.read(position, prefixSize)
    } finally {
      file.close()
    }
  }

  private takeWhole(piece: Piece, bytes: Buffer, { indexes }: OpenSegmentCheck): void {
    this.counts.batches++
    this.counts.records += Math.max(0, batchRecordCount(bytes, 0))
    const problem = this.problemOfRecords(bytes)
    const maxTimestampMs = indexableTimestamp(bytes, 0)
    const facts = producerFacts(bytes, maxTimestampMs)
    const leaderEpoch = batchLeaderEpoch(piece.prefix, 0)
    this.next(piece, neighbourOf(piece), ({ batch, findings }) => {
      const { path, position } = piece
      if (problem !== undefined) {
        this.findings.push({ severity: 'damage', kind: 'records', path, position, message: problem })
      }
      if (batch === undefined) return
      if (this.firstOffset < 0) this.firstOffset = batch.baseOffset
      indexes.batch({ position, ...batch, maxTimestampMs })
      this.producers.batch(facts, batch.baseOffset)
      // Of what is below the log start the history of epochs knows nothing any more.
      const { logStartOffset } = this.knowledge
      if (findings.length === 0 && batch.lastOffset >= logStartOffset)
        this.compareEpoch(leaderEpoch, Math.max(batch.baseOffset, logStartOffset))
    })
  }

  /** Records whose batch has a right checksum and that are wrong all the same were written so. */
  private problemOfRecords(bytes: Buffer): string | undefined {
    const count = batchRecordCount(bytes, 0)
    const isControl = batchIsControl(bytes, 0)
    try {
      if (count === 0) return undefined
      const body = batchBody(bytes, 0)
      walkRecords(body, 0, body.length, count, this.facts)
      const isPlain = this.recordsKind === 'client' || isControl
      const isDense = this.facts.offsetsAreSequential && count === batchLastOffsetDelta(bytes, 0) + 1
      if (isPlain && isDense) return undefined
      if (!isDense && !this.knowledge.isCompacted && !isControl && this.facts.offsetsAreSequential) {
        return `the batch here has ${count} records for ${batchLastOffsetDelta(bytes, 0) + 1} offsets`
      }
      return this.problemOfEachRecord(bytes, isControl)
    } catch (error) {
      return `the records of the batch here cannot be read, although its checksum is right: ${(error as Error).message}`
    }
  }

  private problemOfEachRecord(bytes: Buffer, isControl: boolean): string | undefined {
    const baseOffset = baseOffsetOf(bytes)
    let previous = baseOffset - 1
    for (const record of recordsOf(bytes, 0)) {
      if (record.offset <= previous || record.offset > baseOffset + batchLastOffsetDelta(bytes, 0)) {
        return `a record of the batch here has offset ${record.offset}, behind ${previous}`
      }
      previous = record.offset
      const decoded = decodeRecord(this.recordsKind, isControl, record)
      const problem = decoded?.key?.problem ?? decoded?.value?.problem
      if (problem !== undefined) return `the record at offset ${record.offset} cannot be decoded: ${problem}`
    }
    return undefined
  }

  private next(piece: Piece, neighbour: Neighbour | undefined, note: (judged: Judged) => void): void {
    this.settle(neighbour)
    this.pending = { piece, note }
    if (piece.kind !== 'whole') this.producers.unknown()
  }

  private settle(next: Neighbour | undefined): void {
    if (this.pending === undefined) return
    const { note, piece } = this.pending
    this.pending = undefined
    const judged = this.order.judge(piece, next)
    this.findings.push(...judged.findings)
    note(judged)
  }

  private compareEpoch(leaderEpoch: number, baseOffset: number): void {
    if (this.epochsDisagree || this.epochs.latest() < 0) return
    const known = this.epochs.epochAt(baseOffset)
    if (known === leaderEpoch) return
    this.epochsDisagree = true
    const what = `offset ${baseOffset} was written in epoch ${leaderEpoch}, and here it is ${known}`
    this.findings.push(accusedEpochs(this.epochsPath, what))
  }
}

/** Control batches say nothing of sequences. */
function producerFacts(bytes: Buffer, maxTimestampMs: number): BatchFacts {
  return {
    lastOffsetDelta: batchLastOffsetDelta(bytes, 0),
    maxTimestampMs,
    producerId: batchIsControl(bytes, 0) ? -1 : batchProducerId(bytes, 0),
    producerEpoch: batchProducerEpoch(bytes, 0),
    baseSequence: batchBaseSequence(bytes, 0),
  }
}

function neighbourOf({ prefix }: Piece): Neighbour {
  return { baseOffset: baseOffsetOf(prefix), leaderEpoch: batchLeaderEpoch(prefix, 0) }
}
