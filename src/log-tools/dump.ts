/**
 * `ottla log dump`: what a data directory's files say, entry by entry, as they say it. Reads a stretch at a time, so a
 * segment may be of any size, and writes nothing, so a broker may run meanwhile; what is being written then may look
 * cut off. Nothing is judged but checksums: whether files fit each other is `verify`'s to say.
 */
import { basename, dirname } from 'node:path'
import { compressionNames } from '../../protocol-codecs/compression/compression-names.ts'
import { minRecordLength, recordsOf } from '../../protocol-codecs/read-records.ts'
import {
  type BatchHeader,
  batchHasDeleteHorizon,
  batchIsControl,
  batchRecordCount,
  readBatchHeader,
} from '../../protocol-codecs/record-batch.ts'
import type { Disk } from '../platform/disk.ts'
import { LogFile, type Walked } from '../storage/local/batch-walk.ts'
import { readCheckpoint } from '../storage/local/checkpoint-file.ts'
import { parsePartitionDirectoryName, parseSegmentFileName } from '../storage/local/log-files.ts'
import { decodeProducerSnapshot } from '../storage/local/producer-snapshot.ts'
import { offsetEntrySize, timeEntrySize } from '../storage/local/sparse-index.ts'
import type { ProducerEntry } from '../storage/producer-state.ts'
import { type FileKind, fileKindOf, type RecordsKind, recordsKindOf } from './data-files.ts'
import { type DecodedRecord, decodeRecord } from './decode-record.ts'

export type DumpEntry =
  | { readonly type: 'file'; readonly path: string; readonly kind: FileKind; readonly size: number }
  | ({ readonly type: 'batch'; readonly position: number; readonly isValid: boolean } & DumpedHeader)
  | DumpedRecord
  | { readonly type: 'index'; readonly offset: number; readonly position: number }
  | { readonly type: 'timeindex'; readonly timestamp: number; readonly offset: number }
  | {
      readonly type: 'txnindex'
      readonly producerId: number
      readonly firstOffset: number
      readonly lastOffset: number
      readonly lastStableOffset: number
    }
  | { readonly type: 'producer'; readonly entry: ProducerEntry }
  | { readonly type: 'epoch'; readonly epoch: number; readonly startOffset: number }
  | { readonly type: 'offset'; readonly topic: string; readonly partition: number; readonly offset: number }
  | { readonly type: 'property'; readonly name: string; readonly value: string }
  /** Something that is not what the file should hold. */
  | { readonly type: 'problem'; readonly position: number; readonly size: number; readonly message: string }

export interface DumpedHeader extends Omit<BatchHeader, 'compression'> {
  readonly compression: string
  readonly deleteHorizonMs: number | undefined
}

export interface DumpedRecord {
  readonly type: 'record'
  readonly offset: number
  readonly timestamp: number
  readonly timestampType: string
  readonly sequence: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[]
  readonly decoded: DecodedRecord | undefined
}

export interface DumpOptions {
  readonly withRecords: boolean
  /** Where a segment's batches are to be shown from, and the offset behind the last. */
  readonly fromOffset?: number
  readonly toOffset?: number
}

export async function* dumpFile(
  disk: Disk,
  path: string,
  options: DumpOptions,
): AsyncGenerator<readonly DumpEntry[], void> {
  const kind = fileKindOf(path)
  yield [{ type: 'file', path, kind, size: disk.sizeOf(path) }]
  if (kind === 'log') yield* dumpLog(disk, path, options)
  else if (kind !== 'other') yield [...entriesOf(disk, path, kind)]
}

function entriesOf(disk: Disk, path: string, kind: FileKind): Iterable<DumpEntry> {
  const bytes = disk.readFile(path) ?? Buffer.alloc(0)
  const baseOffset = parseSegmentFileName(basename(path))?.baseOffset ?? 0
  switch (kind) {
    case 'index':
      return indexEntries(bytes, offsetEntrySize, at => {
        const entry = { offset: baseOffset + bytes.readInt32BE(at), position: bytes.readInt32BE(at + 4) }
        return { type: 'index', ...entry }
      })
    case 'timeindex':
      return indexEntries(bytes, timeEntrySize, at => {
        const timestamp = Number(bytes.readBigInt64BE(at))
        return { type: 'timeindex', timestamp, offset: baseOffset + bytes.readInt32BE(at + 8) }
      })
    case 'txnindex':
      return indexEntries(bytes, abortedEntrySize, at => abortedTransaction(bytes, at))
    case 'snapshot':
      return producers(bytes)
    case 'leader-epochs':
      return checkpointEntries(disk, path, ([epoch, startOffset]) => {
        return { type: 'epoch', epoch: Number(epoch), startOffset: Number(startOffset) }
      })
    case 'offsets':
      return checkpointEntries(disk, path, ([topic, partition, offset]) => {
        return { type: 'offset', topic: topic!, partition: Number(partition), offset: Number(offset) }
      })
    default:
      return properties(bytes)
  }
}

/** int16 version, then producer id, first, last and last stable offset of an aborted transaction. */
const abortedEntrySize = 34

function abortedTransaction(bytes: Buffer, at: number): DumpEntry {
  const number = (field: number) => Number(bytes.readBigInt64BE(at + 2 + 8 * field))
  return {
    type: 'txnindex',
    producerId: number(0),
    firstOffset: number(1),
    lastOffset: number(2),
    lastStableOffset: number(3),
  }
}

/** Up to the zeroes at the end, which Kafka allocates and cuts off when a segment is finished. */
function* indexEntries(bytes: Buffer, size: number, entryAt: (at: number) => DumpEntry): Iterable<DumpEntry> {
  let end = bytes.length - (bytes.length % size)
  while (end > 0 && bytes.subarray(end - size, end).every(byte => byte === 0)) end -= size
  for (let at = 0; at < end; at += size) yield entryAt(at)
  const surplus = bytes.length % size
  if (surplus > 0) {
    const message = `the file is cut off in the middle of an entry, which has ${size} bytes`
    yield { type: 'problem', position: bytes.length - surplus, size: surplus, message }
  }
}

function* producers(bytes: Buffer): Iterable<DumpEntry> {
  const entries = decodeProducerSnapshot(bytes)
  if (entries !== undefined) for (const entry of entries) yield { type: 'producer', entry }
  else {
    const message = 'the snapshot does not fit its checksum, or its length what it should hold'
    yield { type: 'problem', position: 0, size: bytes.length, message }
  }
}

function* checkpointEntries(
  disk: Disk,
  path: string,
  entryOf: (fields: readonly string[]) => DumpEntry,
): Iterable<DumpEntry> {
  const lines = readCheckpoint(disk, path)
  if (lines !== undefined) for (const fields of lines) yield entryOf(fields)
  // As Kafka makes one before it has anything to say.
  else if (disk.sizeOf(path) > 0) {
    const message = 'the file is no checkpoint: version 0, the number of entries, the entries'
    yield { type: 'problem', position: 0, size: disk.sizeOf(path), message }
  }
}

function* properties(bytes: Buffer): Iterable<DumpEntry> {
  for (const line of bytes.toString('utf8').split('\n')) {
    const [, name, value] = /^([^#=:{]+?) *[=:] *(.*)$/.exec(line) ?? []
    if (name !== undefined && value !== undefined) yield { type: 'property', name, value }
    else if (line !== '' && !line.startsWith('#')) yield { type: 'property', name: 'content', value: line }
  }
}

async function* dumpLog(
  disk: Disk,
  path: string,
  options: DumpOptions,
): AsyncGenerator<readonly DumpEntry[], void> {
  const { fromOffset = 0, toOffset = Number.POSITIVE_INFINITY } = options
  const recordsKind = recordsKindOf(parsePartitionDirectoryName(basename(dirname(path)))?.topic ?? '')
  const file = new LogFile(disk, path)
  try {
    for await (const stretch of file.walk()) {
      for (const walked of stretch) {
        if (walked.kind === 'debris') {
          yield [debrisEntry(walked)]
          continue
        }
        const batch = batchEntry(walked)
        if (batch.type === 'batch' && (batch.lastOffset < fromOffset || batch.baseOffset >= toOffset))
          continue
        yield options.withRecords ? [batch, ...recordEntries(walked, recordsKind)] : [batch]
      }
    }
  } finally {
    file.close()
  }
}

function debrisEntry({
  position,
  end,
  problem,
  isZeroes,
  mended,
}: Extract<Walked, { kind: 'debris' }>): DumpEntry {
  const what = isZeroes ? 'nothing but zeroes follows' : `no batch can be read up to ${end}`
  const hope = mended === undefined ? '' : '; with another length or magic it would be whole'
  return {
    type: 'problem',
    position,
    size: end - position,
    message: `the batch here ${problem}; ${what}${hope}`,
  }
}

type WalkedBatch = Exclude<Walked, { kind: 'debris' }>

function batchEntry({ buffer, at, kind, position, size }: WalkedBatch): DumpEntry {
  try {
    const { compression, ...header } = readBatchHeader(buffer, at)
    const deleteHorizonMs = batchHasDeleteHorizon(buffer, at) ? header.baseTimestamp : undefined
    return {
      type: 'batch',
      position,
      isValid: kind === 'whole',
      ...header,
      compression: compressionNames[compression],
      deleteHorizonMs,
    }
  } catch (error) {
    return { type: 'problem', position, size, message: (error as Error).message }
  }
}

function* recordEntries({ buffer, at, position, size }: WalkedBatch, kind: RecordsKind): Iterable<DumpEntry> {
  const isControl = batchIsControl(buffer, at)
  try {
    const { baseSequence, baseOffset, timestampType } = readBatchHeader(buffer, at)
    // A count that is damaged could make much of nothing.
    if (batchRecordCount(buffer, at) === 0 || size < minRecordLength) return
    for (const record of recordsOf(buffer.subarray(at, at + size), 0)) {
      yield {
        type: 'record',
        offset: record.offset,
        timestamp: record.timestamp,
        timestampType,
        sequence: baseSequence < 0 ? -1 : (baseSequence + record.offset - baseOffset) % 0x80000000,
        key: record.key,
        value: record.value,
        headers: record.headers,
        decoded: decodeRecord(kind, isControl, record),
      }
    }
  } catch (error) {
    const message = `the records of this batch cannot be read: ${(error as Error).message}`
    yield { type: 'problem', position, size, message }
  }
}
