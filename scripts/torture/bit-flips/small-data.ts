/**
 * Makes a small data directory that holds every kind of file and of record. Once as an orderly stop leaves it, and once
 * as kill -9 does, with a journal, and with leftovers of work that it interrupted. Everything is produced through the
 * wire with acks=all, and what was acknowledged is the ledger that a reader is held against.
 *
 * Topics: `plain` with two partitions, the second with timestamps out of order; `packed`, compressed by each codec in
 * turn; `trimmed`, whose first records were deleted and whose timestamps are the broker's; `orders` of an idempotent
 * producer, written in two leader epochs; and `doomed`, which was deleted.
 */
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Broker, type BrokerOptions, openBroker } from '../../../src/broker.ts'
import { brokerSettings } from '../../../src/settings/broker-settings.ts'
import { RawClient } from '../../../src/testing/raw-client.ts'
import { leaveHalfDoneWork } from './leftovers.ts'
import {
  alterConfigs,
  createTopics,
  deleteTopic,
  nextProducerId,
  raiseLeaderEpoch,
} from './small-catalogue.ts'
import { commitOffsets, deleteGroup, groupId, joinGroup } from './small-groups.ts'
import { deleteRecords, idempotent, type Ledger, produceAll } from './small-records.ts'

/** Segments of a few batches, and an index entry for nearly each; what runs now and then runs often, or never. */
function settingsFor(directory: string) {
  return brokerSettings({
    listeners: ['PLAINTEXT://127.0.0.1:0'],
    'log.dirs': [directory],
    'log.segment.bytes': 420,
    'log.index.interval.bytes': 100,
    'offsets.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'log.flush.offset.checkpoint.interval.ms': 3_600_000,
    'log.flush.start.offset.checkpoint.interval.ms': 3_600_000,
  })
}

export function startInProcess(directory: string, options: BrokerOptions = {}): Promise<Broker> {
  return openBroker(settingsFor(directory), options)
}

export interface SmallData {
  readonly clean: string
  readonly crashed: string
  readonly ledgers: { readonly clean: Ledger; readonly crashed: Ledger }
}

export async function makeSmallData(parent: string): Promise<SmallData> {
  const clean = join(parent, 'clean')
  const crashed = join(parent, 'crashed')
  mkdirSync(clean, { recursive: true })
  const ledger: Ledger = {}
  await withBroker(clean, async client => {
    await createTopics(client, { plain: 2, packed: 1, trimmed: 1, orders: 1, doomed: 1 })
    await deleteTopic(client, 'doomed')
    await alterConfigs(client)
    await nextProducerId(client)
    await produceAll(client, ledger, 0)
  })
  await raiseLeaderEpoch(clean, idempotent.topic)
  await withBroker(clean, async client => {
    await produceAll(client, ledger, 1)
    await commitOffsets(client, groupId, 3)
    await commitOffsets(client, 'gone', 1)
    await deleteGroup(client, 'gone')
    await joinGroup(client)
    await deleteRecords(client, ledger)
  })
  const ledgerOfClean = structuredClone(ledger)

  // The same goes on in a copy, which is copied again while the broker runs.
  const running = join(parent, 'running')
  cpSync(clean, running, { recursive: true })
  await withBroker(running, async client => {
    await createTopics(client, { late: 1 })
    await produceAll(client, ledger, 2)
    await commitOffsets(client, groupId, 5)
    await deleteTopic(client, 'late')
    cpSync(running, crashed, { recursive: true })
  })
  rmSync(join(crashed, '.lock'))
  leaveHalfDoneWork(crashed)
  rmSync(running, { recursive: true })
  return { clean, crashed, ledgers: { clean: ledgerOfClean, crashed: ledger } }
}

async function withBroker(directory: string, work: (client: RawClient) => Promise<void>): Promise<void> {
  const broker = await startInProcess(directory)
  const client = await RawClient.connect(broker.listeners[0]!)
  await work(client)
  await client.close()
  await broker.stop()
}
