/**
 * What tests of the journal share: an engine on a disk that can fail, with a topic `events`; a batch for each of its
 * partitions at once; and what a crash leaves of the directory.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { silentLogger } from '../platform/logger.ts'
import type { LocalStorage } from '../storage/local/local-storage.ts'
import type { AppendResult, PartitionRef } from '../storage/partition-log.ts'
import { faultyDisk } from './faulty-disk.ts'
import {
  openTestStorage,
  type TestBatch,
  type TestStorageOptions,
  temporaryDirectory,
  testBatch,
} from './test-storage.ts'

type Options = Partial<TestStorageOptions> & { partitionCount?: number; configs?: Record<string, string> }

export async function storageWithTopic(t: Test, options: Options = {}) {
  const { partitionCount = 4, configs = {}, ...storageOptions } = options
  const directory = temporaryDirectory(t)
  const disk = faultyDisk()
  const storage = await openTestStorage({ directory, disk, ...storageOptions })
  t.teardown(() => storage.close())
  const partitions = await createTopic(storage, partitionCount, configs)
  return { directory, disk, storage, partitions, journal: join(directory, '__journal-0') }
}

export async function createTopic(storage: LocalStorage, partitionCount: number, configs = {}) {
  const change = { type: 'create-topic' as const, name: 'events', partitionCount, configs }
  return (await storage.catalog.change(change)).topics.get('events')!.partitions
}

/** The same batch for each partition in one call, as one Produce request brings them; waits until they are durable. */
export async function appendToAll(
  storage: LocalStorage,
  partitions: readonly PartitionRef[],
  batch: TestBatch,
): Promise<AppendResult[]> {
  const items = partitions.map(partition => ({
    partition,
    batch: testBatch(batch),
    origin: 'client' as const,
  }))
  return storage.logs.append(items, 'durable')
}

/** A copy of a directory as it is on the live disk: what a kill -9 leaves. */
export function copyOf(t: Test, directory: string): string {
  const copy = temporaryDirectory(t)
  fs.cpSync(directory, copy, { recursive: true })
  fs.rmSync(join(copy, '.lock'), { force: true })
  return copy
}

/** As if nothing of this log's own had come to disk. */
export function loseFilesOf(copy: string, partition: PartitionRef): void {
  fs.rmSync(join(copy, `events-${partition.index}`), { recursive: true })
}

/** A logger that keeps what it is told at levels warn and error. */
export function collectingLogger() {
  const messages: string[] = []
  const note = (_: unknown, message?: string): void => {
    messages.push(message ?? '')
  }
  const logger = { ...silentLogger, warn: note, error: note, child: () => logger }
  return { logger, messages }
}
