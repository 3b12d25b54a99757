/**
 * Errors of the disk, each at one kind of file: a partition whose log cannot be written, synced or read goes offline
 * and the others go on; what is only an aid is tried again. A failed sync loses what it was to write when the power
 * goes, at the end of each (dropped-writes.ts).
 */
import type { DiskOperation } from '../../../src/testing/faulty-disk.ts'
import type { Fault } from './fault.ts'
import type { Order } from './faulty-broker.ts'
import { hastyClient, nameOf, readThrough } from './load.ts'
import type { FaultPlant } from './plants.ts'
import { fetchFirst } from './requests.ts'
import { allBut, type Stage, words } from './stage.ts'

interface DiskError {
  readonly operation: DiskOperation
  readonly path: string
  readonly times?: number
}

const victim = 1
const ofVictim = `/faults-${victim}`
const log = `${ofVictim}/\\d+\\.log$`

function orderOf({ operation, path, times }: DiskError): Order {
  return { fail: [{ operation, path, code: 'EIO', ...(times === undefined ? {} : { times }) }] }
}

/** The partition goes offline, stays so when the disk is well again, and is back after a restart. */
function takesPartitionOffline(
  name: string,
  error: DiskError,
  options: { isRead?: boolean; notices?: readonly FaultPlant[] } = {},
): Fault {
  return {
    name,
    notices: options.notices,
    async play(stage) {
      await stage.startUnderLoad({ isFaulty: true, batchRecords: 100 })
      if (options.isRead === true) await untilRolled(stage)
      await stage.broker.tell(orderOf(error))
      // Whoever reads everything meets what only reads of old records meet.
      if (options.isRead === true) void readThrough(stage.broker.bootstrap, [0, 0])
      await stage.untilRefused('KAFKA_STORAGE_ERROR')
      const answer = await fetchFirst(stage.broker.port, victim)
      if (answer !== 'KAFKA_STORAGE_ERROR') stage.violate('not refused', `consumers got ${answer}`)
      await stage.consumersGoOn(allBut(victim))
      await stage.untilAcknowledged(allBut(victim))
      stage.observed.producers = `${words(stage.load!.refused)}, of this partition`
      if (await stage.said(/goes offline/)) stage.observed.broker = 'the partition goes offline'
      await stage.broker.tell({ heal: true })
      await stage.untilRefused('KAFKA_STORAGE_ERROR')
      await stage.kill9()
      await stage.start({ isFaulty: true })
      await stage.heals('by a restart')
    },
  }
}

/** Nobody is refused anything, and all is well when the disk is. */
function hurtsNobody(
  name: string,
  error: DiskError,
  said: RegExp,
  shown: string,
  notices?: readonly FaultPlant[],
): Fault {
  return {
    name,
    notices,
    async play(stage) {
      await stage.startUnderLoad({ isFaulty: true, batchRecords: 4 })
      stage.load!.refused.clear()
      await stage.broker.tell(orderOf(error))
      if (await stage.said(said)) stage.observed.broker = shown
      await stage.consumersGoOn()
      await stage.untilAcknowledged()
      stage.observed.producers = words(stage.load!.refused)
      if (stage.load!.refused.size > 0)
        stage.violate('not as documented', `refused: ${words(stage.load!.refused)}`)
      await stage.broker.tell({ heal: true })
      await stage.heals('by itself')
    },
  }
}

export const diskErrorFaults: Fault[] = [
  takesPartitionOffline('I/O error: write of a log', { operation: 'write', path: log }),
  takesPartitionOffline(
    'I/O error: sync of a log',
    { operation: 'sync', path: log, times: 1 },
    { notices: ['retried-sync'] },
  ),
  takesPartitionOffline('I/O error: sync of a directory', {
    operation: 'syncDirectory',
    path: `${ofVictim}$`,
    times: 1,
  }),
  takesPartitionOffline('I/O error: write of an index', {
    operation: 'write',
    path: `${ofVictim}/\\d+\\.index$`,
  }),
  takesPartitionOffline(
    'I/O error: read near the end',
    { operation: 'read', path: log },
    { notices: ['hidden-read-error'] },
  ),
  takesPartitionOffline(
    'I/O error: read of old records',
    { operation: 'readLater', path: log },
    { isRead: true },
  ),
  hurtsNobody(
    'I/O error: write of the journal',
    { operation: 'write', path: '/__journal-0/' },
    /journal could not be written/,
    'each log is synced by itself',
  ),
  hurtsNobody(
    'I/O error: sync of the journal',
    { operation: 'sync', path: '/__journal-0/', times: 1 },
    /journal could not be written/,
    'each log is synced by itself',
    ['retried-sync'],
  ),
  hurtsNobody(
    'I/O error: write of a checkpoint',
    { operation: 'replaceFile', path: 'checkpoint$' },
    /checkpoints could not be written/,
    'it is tried again',
  ),
  {
    name: "I/O error: the group's offsets",
    async play(stage) {
      await stage.startUnderLoad({ isFaulty: true })
      await stage.broker.tell({ fail: [{ operation: 'write', path: '/__consumer_offsets-', code: 'EIO' }] })
      await stage.until(() => stage.load!.refusedCommits.size > 0, 'a commit is refused')
      await stage.untilAcknowledged()
      await stage.consumersGoOn()
      stage.observed.producers = `no error; commits: ${words(stage.load!.refusedCommits)}`
      if (await stage.said(/goes offline/)) stage.observed.broker = 'the partition goes offline'
      await stage.broker.tell({ heal: true })
      await stage.kill9()
      await stage.start({ isFaulty: true })
      await stage.heals('by a restart')
    },
  },
  {
    name: 'I/O error: the catalogue',
    async play(stage) {
      await stage.startUnderLoad({ isFaulty: true })
      await stage.broker.tell({
        fail: [{ operation: 'sync', path: '/__cluster_metadata-0', code: 'EIO', times: 1 }],
      })
      const refusal = await createTopic(stage)
      stage.observed.producers = `no error; new topics: ${refusal}`
      if (refusal !== 'KAFKA_STORAGE_ERROR') stage.violate('not refused', `a topic was created: ${refusal}`)
      await stage.untilAcknowledged()
      await stage.consumersGoOn()
      if (await stage.said(/goes offline/)) stage.observed.broker = 'the catalogue goes offline'
      await stage.broker.tell({ heal: true })
      await stage.kill9()
      await stage.start({ isFaulty: true })
      if ((await createTopic(stage)) !== 'none') stage.violate('not healed', 'no topic can be created')
      await stage.heals('by a restart')
    },
  },
]

async function untilRolled(stage: Stage): Promise<void> {
  const isRolled = () => stage.ledger.nextDelivery(victim) > 1200
  await stage.until(isRolled, 'the partition has old segments')
}

/** The error that it was refused with; 'none' if it was not. */
async function createTopic(stage: Stage): Promise<string> {
  const admin = hastyClient(stage.broker.bootstrap, 'creating').admin()
  await admin.connect()
  try {
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic: 'later', numPartitions: 1 }] })
    return 'none'
  } catch (error) {
    const [first] = (error as { errors?: unknown[] }).errors ?? []
    return nameOf(first ?? error)
  } finally {
    await admin.disconnect()
  }
}
