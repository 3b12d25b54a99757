/**
 * A group coordinator on a log in memory that does what the test says, with a clock and a catalogue by hand; and the
 * requests of a group `g` that uses topic `a`.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import { singleNode } from '../cluster/single-node.ts'
import { shardOf } from '../coordination/shard-of.ts'
import { createGroupCoordinator, type GroupClient } from '../groups/group-coordinator.ts'
import type { GroupSettings, OffsetCommitRequest } from '../groups/group-events.ts'
import { silentLogger } from '../platform/logger.ts'
import { groupMetadataTopic } from '../storage/internal-topic-names.ts'
import {
  type CatalogEvent,
  type CatalogTopic,
  emptySnapshot,
  type TopicCatalog,
} from '../storage/topic-catalog.ts'
import { ManualClock } from './manual-clock.ts'
import { MemoryLogs } from './memory-logs.ts'
import { testGroupSettings, topicA } from './shard-tester.ts'

export const testTopic = (name: string, id: string, partitionCount: number): CatalogTopic => ({
  name,
  id,
  isInternal: false,
  partitions: Array.from({ length: partitionCount }, (_, index) => ({
    topic: name,
    topicId: id,
    index,
    leaderEpoch: 0,
  })),
  overrides: {},
  config: {} as CatalogTopic['config'],
})

class TestCatalog {
  topics = new Map<string, CatalogTopic>([['a', testTopic('a', topicA.id, 3)]])
  creations = 0
  listeners: ((event: CatalogEvent) => void)[] = []
  async ensureInternalTopic(name: string) {
    await turn()
    this.creations++
    const created = testTopic(name, 'offsetsoffsetsoffsetsA', 4)
    this.topics.set(name, created)
    return created
  }
  delete(name: string) {
    const deleted = [this.topics.get(name)!]
    this.topics.delete(name)
    for (const listener of this.listeners)
      listener({ snapshot: this.current(), created: [], deleted, changed: [] })
  }
  current() {
    return { ...emptySnapshot, topics: this.topics }
  }
  onChange(listener: (event: CatalogEvent) => void) {
    this.listeners.push(listener)
  }
}

/** A coordinator that is started, and started again, on the logs and the catalogue that it is given or gets. */
export function coordinatorOnLogs(
  settings: Partial<GroupSettings> = {},
  parts: { logs?: MemoryLogs; catalog?: TestCatalog } = {},
) {
  const clock = new ManualClock()
  const { logs = new MemoryLogs(), catalog = new TestCatalog() } = parts
  const troubles: string[] = []
  let nextId = 1
  const start = () =>
    createGroupCoordinator({
      settings: { ...testGroupSettings, initialRebalanceDelayMs: 0, ...settings },
      clock,
      catalog: catalog as unknown as TopicCatalog,
      cluster: singleNode({ clusterId: 'c', nodeId: 1, rack: null }),
      logs,
      topics: catalog,
      logger: {
        ...silentLogger,
        error: (_: object | string, message?: string) => void troubles.push(message ?? ''),
      },
      randomId: () => String(nextId++),
    })
  const partition = (groupId: string) =>
    catalog.topics.get(groupMetadataTopic)!.partitions[shardOf(groupId, 4)]!
  return { clock, logs, catalog, troubles, start, partition }
}

export function testClient(apiVersion = 9) {
  const listeners = new Set<() => void>()
  const client: GroupClient = {
    apiVersion,
    clientId: 'c',
    clientHost: '127.0.0.1',
    onClose(callback) {
      listeners.add(callback)
      return () => void listeners.delete(callback)
    },
  }
  return Object.assign(client, {
    close: () => {
      for (const listener of [...listeners]) listener()
    },
    listenerCount: () => listeners.size,
  })
}

export const client = testClient()
export const dayMs = 24 * 3_600_000

export function commitRequest(
  offset: bigint,
  groupId = 'g',
  partition = 0,
  metadata = '',
): OffsetCommitRequest {
  const committed = { committedOffset: offset, commitTimestamp: -1n, committedLeaderEpoch: -1 }
  return {
    groupId,
    generationIdOrMemberEpoch: -1,
    memberId: '',
    groupInstanceId: null,
    retentionTimeMs: -1n,
    topics: [
      {
        name: 'a',
        topicId: topicA.id,
        partitions: [{ partitionIndex: partition, ...committed, committedMetadata: metadata }],
      },
    ],
  }
}
export const fetchRequest = (groupId = 'g', partitionIndexes = [0]) => ({
  groupId,
  topics: [{ name: 'a', topicId: zeroUuid, partitionIndexes }],
  requireStable: false,
})
type Coordinator = ReturnType<ReturnType<typeof coordinatorOnLogs>['start']>
export async function committed(
  groups: Coordinator,
  groupId = 'g',
  partitions = [0],
): Promise<(bigint | undefined)[]> {
  const response = await groups.fetchOffsets(fetchRequest(groupId, partitions))
  return response.topics![0]!.partitions!.map(({ committedOffset }) => committedOffset)
}
export const joinRequest = (memberId = '', groupId = 'g') => ({
  groupId,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 60_000,
  memberId,
  groupInstanceId: null,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.from('m') }],
  reason: null,
})

/** Whether a promise has settled by now. */
export async function isOpen(promise: unknown): Promise<boolean> {
  await turn()
  await turn()
  return (await Promise.race([promise, Promise.resolve(isOpen)])) === isOpen
}
export const refusal = (promise: unknown): Promise<string> =>
  Promise.resolve(promise).then(
    () => 'NONE',
    error => error.name,
  )
