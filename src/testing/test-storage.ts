/**
 * The local engine over a folder, for tests of the engine: every knob at hand, batches in a line, and
 * results as short texts that read well in an assertion.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBatch, type RecordToBuild } from '../../protocol-codecs/build-batch.ts'
import { recordsOf } from '../../protocol-codecs/read-records.ts'
import { batchesIn } from '../../protocol-codecs/record-batch.ts'
import { bufferPool } from '../platform/buffer-pool.ts'
import { type Clock, systemClock } from '../platform/clock.ts'
import { type Disk, systemDisk } from '../platform/disk.ts'
import { type Logger, silentLogger } from '../platform/logger.ts'
import { brokerSettings } from '../settings/broker-settings.ts'
import { DynamicSettings } from '../settings/dynamic-settings.ts'
import { liveTopicConfigs } from '../settings/topic-config.ts'
import { type LocalStorage, openLocalStorage } from '../storage/local/local-storage.ts'
import type { PartitionLog } from '../storage/local/partition-log.ts'
import type { AppendResult, PartitionLogs, PartitionRef, ReadResult } from '../storage/partition-log.ts'

/** A folder that is removed after the test, and after what the test registered later was torn down. */
export function temporaryDirectory(t: { teardown(handler: () => void): unknown }): string {
  const directory = mkdtempSync(join(tmpdir(), 'ottla-storage-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export interface TestStorageOptions {
  readonly directory: string
  /** Where there are several; `directory` is that of the catalogue. */
  readonly directories?: readonly string[]
  readonly disk?: Disk
  readonly clock?: Clock
  readonly logger?: Logger
  readonly nodeId?: number
  readonly clusterId?: string
  readonly maxOpenSegments?: number
  readonly maxUnsyncedBytes?: number
  readonly producerIdExpirationMs?: number
  readonly writeCaching?: boolean
  readonly isJournalEnabled?: boolean
  /** Default: that of a directory on the system's disk. */
  readonly lock?: (directory: string) => () => void
}

export function openTestStorage(options: TestStorageOptions): Promise<LocalStorage> {
  const settings = brokerSettings({ 'write.caching.default': options.writeCaching ?? false })
  return openLocalStorage({
    directories: options.directories ?? [options.directory],
    metadataDirectory: options.directory,
    nodeId: options.nodeId ?? 1,
    clusterId: options.clusterId,
    metadataVersion: 25,
    maxOpenSegments: options.maxOpenSegments ?? 100,
    maxUnsyncedBytes: options.maxUnsyncedBytes ?? Number.POSITIVE_INFINITY,
    producerIdExpirationMs: () => options.producerIdExpirationMs ?? 86_400_000,
    checkpointIntervalMs: 60_000,
    startOffsetCheckpointIntervalMs: 60_000,
    initialTaskDelayMs: 30_000,
    concurrentOpenings: 2,
    retentionCheckIntervalMs: 300_000,
    isJournalEnabled: options.isJournalEnabled ?? true,
    lock: options.lock,
    topicConfigs: liveTopicConfigs(new DynamicSettings(settings)),
    disk: options.disk ?? systemDisk(),
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
    pool: bufferPool(),
  })
}

/** The log behind a partition, for tests that look under the seam. */
export function logOf(storage: LocalStorage, topic: string, index = 0): PartitionLog {
  for (const log of storage.logs.all()) {
    if (log.partition.topic === topic && log.partition.index === index) return log
  }
  throw new Error(`no log of ${topic}-${index}`)
}

export interface TestBatch {
  readonly values?: readonly string[]
  readonly records?: readonly RecordToBuild[]
  readonly timestamp?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
}

export function testBatch(batch: TestBatch): Buffer {
  const records = batch.records ?? (batch.values ?? ['v']).map(value => ({ value: Buffer.from(value) }))
  const { producerId, producerEpoch, baseSequence } = batch
  return buildBatch({
    records,
    timestamp: batch.timestamp ?? 1_700_000_000_000,
    ...(producerId === undefined
      ? {}
      : { producerId, producerEpoch: producerEpoch ?? 0, baseSequence: baseSequence ?? 0 }),
  })
}

/** Appends one batch and waits until it is durable. */
export async function append(
  logs: PartitionLogs,
  partition: PartitionRef,
  batch: TestBatch | Buffer,
): Promise<AppendResult> {
  const bytes = Buffer.isBuffer(batch) ? batch : testBatch(batch)
  const results = await logs.append([{ partition, batch: bytes, origin: 'client' }], 'durable')
  return results[0]!
}

/** Appends without waiting for the disk. */
export function appendNow(
  logs: PartitionLogs,
  partition: PartitionRef,
  batch: TestBatch | Buffer,
): AppendResult {
  const bytes = Buffer.isBuffer(batch) ? batch : testBatch(batch)
  const results = logs.append([{ partition, batch: bytes, origin: 'client' }], 'written')
  if (results instanceof Promise) throw new Error('a written append is answered at once')
  return results[0]!
}

/** The records of a read as `offset:value`. */
export function recordsIn(result: Pick<ReadResult, 'chunks'>): string[] {
  const found: string[] = []
  for (const chunk of result.chunks) {
    for (const at of batchesIn(chunk)) {
      for (const record of recordsOf(chunk, at)) found.push(`${record.offset}:${record.value}`)
    }
  }
  return found
}

/** Everything readable from `offset` on, as `offset:value`, or the error's name. */
export async function readAll(
  logs: PartitionLogs,
  partition: PartitionRef,
  offset = 0,
  maxBytes = 1_000_000,
): Promise<string[]> {
  const found: string[] = []
  for (let next = offset; ; ) {
    const item = { partition, offset: next, maxBytes, isolation: 'read_uncommitted' as const }
    const outcome = await logs.read([item], maxBytes)
    const result = outcome.results[0]!
    if (result.error !== 'NONE') return [...found, result.error]
    const records = recordsIn(result).filter(record => Number.parseInt(record, 10) >= next)
    outcome.release()
    const last = records.at(-1)
    if (last === undefined) return found
    found.push(...records)
    next = Number.parseInt(last, 10) + 1
  }
}

/** Lets microtasks, timers that are due and finished I/O have their turn. */
export function turn(delayMs = 0): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, delayMs))
}

/** Waits until something has come about; the test fails by its timeout if it never does. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn(1)
}
