/**
 * A disk that gets full under load, quotas, and a file system that is read-only: producers, group and topic creation
 * are refused, consumers are served, and freeing space heals it.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from './fault.ts'
import { fillExcept, remount } from './file-systems.ts'
import { hastyClient, partitions } from './load.ts'
import { commitOffset, type Deletion, deleteRecords } from './requests.ts'
import { allPartitions, type Stage, words } from './stage.ts'

const fileSystemMb = 64
const leftMb = 12
const batchRecords = 200

function place(stage: Stage): string {
  return join(stage.directory, '..')
}

/** Fills the disk under load, and gives what frees it. */
async function fill(stage: Stage, overrides?: Record<string, string>): Promise<() => void> {
  const free = fillExcept(place(stage), leftMb)
  await stage.startUnderLoad({ batchRecords, overrides })
  await stage.untilRefused('KAFKA_STORAGE_ERROR')
  return free
}

async function observeFull(stage: Stage): Promise<void> {
  await stage.readsAreServed()
  const refusal = await commitUntilRefused(stage)
  if (refusal === 'NONE') stage.violate('not refused', 'commits never met the full disk')
  stage.observed.producers = `${words(stage.load!.refused)}; commits: ${refusal}`
  if (await stage.said(/ENOSPC/)) stage.observed.broker = 'ENOSPC, every 10 s'
}

async function commitUntilRefused(stage: Stage): Promise<string> {
  let name = 'NONE'
  for (let attempt = 0; attempt < 20 && name === 'NONE'; attempt++) {
    name = await commitOffset(stage.broker.port)
  }
  return name
}

/** Has records deleted, trying again as clients do; gives the errors on the way. */
async function deleteUntilDone(stage: Stage, deletions: readonly Deletion[]): Promise<string> {
  const refused = new Set<string>()
  let isDone = false
  for (let attempt = 0; attempt < 40 && !isDone; attempt++) {
    if (attempt > 0) await delay(250)
    const names = (await deleteRecords(stage.broker.port, deletions)).filter(name => name !== 'NONE')
    isDone = names.length === 0
    for (const name of names) refused.add(name)
  }
  if (!isDone) stage.violate('not healed', `records are not deleted: ${[...refused].join(', ')}`)
  return refused.size === 0 ? 'no error' : `${[...refused].join(', ')} at first`
}

export const fullDiskFaults: Fault[] = [
  {
    name: 'disk full, space freed',
    fileSystemMb,
    notices: ['full-disk-is-fatal', 'full-disk-ends-process', 'ack-before-write'],
    async play(stage) {
      const free = await fill(stage)
      await observeFull(stage)
      const made = await createTopic(stage, 'made-while-full')
      await delay(500)
      free()
      await stage.heals('by itself')
      if (!made) await createTopic(stage, 'made-while-full')
      await requireTopic(stage, 'made-while-full')
    },
  },
  {
    name: 'disk full, records deleted',
    fileSystemMb,
    async play(stage) {
      await fill(stage, {
        'log.retention.check.interval.ms': '500',
        'log.initial.task.delay.ms': '500',
        'log.segment.delete.delay.ms': '0',
      })
      await observeFull(stage)
      await stage.load!.stop()
      const deleted = allPartitions.map(partition => ({
        partition,
        offset: stage.ledger.nextDelivery(partition) - 200,
      }))
      for (const { partition, offset } of deleted) stage.ledger.deletedBefore(partition, offset)
      const isDeleted = await deleteUntilDone(stage, deleted)
      stage.observed.producers += `; deleting: ${isDeleted}`
      await stage.beginLoad(batchRecords)
      await stage.heals('by itself, when old segments go')
    },
  },
  {
    name: 'disk full, kill -9, start while full',
    fileSystemMb,
    async play(stage) {
      const free = await fill(stage)
      await stage.kill9()
      await stage.start()
      stage.load!.refused.clear()
      await stage.untilRefused('KAFKA_STORAGE_ERROR')
      await observeFull(stage)
      free()
      await stage.heals('by itself')
    },
  },
  {
    name: 'disk full, stop, start while full',
    fileSystemMb,
    async play(stage) {
      const free = await fill(stage)
      const end = await stage.stop()
      if (end !== 'exit code 0') stage.violate('crashed', `the stop ended with ${end}`)
      await stage.start()
      stage.load!.refused.clear()
      await stage.untilRefused('KAFKA_STORAGE_ERROR')
      await observeFull(stage)
      free()
      await stage.heals('by itself')
    },
  },
  {
    name: 'quota exceeded (EDQUOT)',
    async play(stage) {
      await stage.startUnderLoad({ isFaulty: true })
      await stage.broker.tell({ fail: [{ operation: 'write', path: '', code: 'EDQUOT' }] })
      await stage.untilRefused('KAFKA_STORAGE_ERROR')
      await stage.readsAreServed()
      stage.observed.producers = words(stage.load!.refused)
      if (await stage.said(/EDQUOT/)) stage.observed.broker = 'EDQUOT, every 10 s'
      await stage.broker.tell({ heal: true })
      await stage.heals('by itself')
    },
  },
  {
    name: 'read-only under load (EROFS)',
    async play(stage) {
      await stage.startUnderLoad({ isFaulty: true })
      // A remount is refused while a file is open for writing; what the kernel does after an error is not.
      const operations = ['write', 'openForWrite', 'truncate', 'replaceFile', 'rename', 'remove'] as const
      const fail = operations.map(operation => ({ operation, path: '', code: 'EROFS' }))
      await stage.broker.tell({ fail })
      await stage.untilRefused('KAFKA_STORAGE_ERROR', 3 * partitions)
      stage.observed.producers = words(stage.load!.refused)
      stage.observed.consumers = 'refused, as their partitions are offline'
      if (await stage.said(/goes offline.*|EROFS/)) stage.observed.broker = 'EROFS; the partitions go offline'
      await stage.broker.tell({ heal: true })
      await stage.kill9()
      await stage.start({ isFaulty: true })
      await stage.heals('by a restart')
    },
  },
  {
    name: 'start on a read-only file system',
    fileSystemMb,
    async play(stage) {
      await stage.startUnderLoad()
      await stage.kill9()
      remount(place(stage), 'ro')
      const { code, sentence } = await stage.startRefused()
      remount(place(stage), 'rw')
      if (code !== 73 || !/cannot be used: .*read-only/.test(sentence)) {
        stage.violate('not as documented', `the start ended with ${code}: ${sentence}`)
      }
      stage.observed.broker = `exit code ${code}: it is read-only`
      await stage.start()
      await stage.heals('by a restart')
    },
  },
]

/** Whether it could be made. */
async function createTopic(stage: Stage, name: string): Promise<boolean> {
  const admin = hastyClient(stage.broker.bootstrap, 'full').admin()
  await admin.connect()
  try {
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic: name, numPartitions: 3 }] })
    return true
  } catch {
    return false
  } finally {
    await admin.disconnect()
  }
}

/** Every partition of it takes records, soon. */
async function requireTopic(stage: Stage, name: string): Promise<void> {
  const producer = hastyClient(stage.broker.bootstrap, 'full').producer({ retry: { retries: 10 } })
  await producer.connect()
  try {
    for (let partition = 0; partition < 3; partition++) {
      await producer.send({ topic: name, messages: [{ partition, value: 'x' }] })
    }
  } catch (error) {
    stage.violate('not healed', `a topic that was made while the disk was full: ${(error as Error).message}`)
  } finally {
    await producer.disconnect()
  }
}
