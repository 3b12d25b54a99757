/**
 * The catalogue of one node: the log `__cluster_metadata`, in Kafka's records, replayed into an
 * immutable snapshot. Changes are made one after the other: checked against the newest state, appended
 * as one batch, on disk, then visible.
 */
import { buildBatch } from '../../../protocol-codecs/build-batch.ts'
import { ProtocolError } from '../../../protocol-codecs/error-codes.ts'
import {
  configRecord,
  featureLevelRecord,
  partitionRecord,
  producerIdsRecord,
  removeTopicRecord,
  topicRecord,
} from '../../../protocol-codecs/internal-topics/metadata-records.ts'
import { recordsOf } from '../../../protocol-codecs/read-records.ts'
import { batchLastOffsetDelta, batchMaxTimestamp } from '../../../protocol-codecs/record-batch.ts'
import type { Clock } from '../../platform/clock.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import { isInternalTopicName } from '../internal-topic-names.ts'
import type {
  CatalogChange,
  CatalogEvent,
  CatalogPartition,
  CatalogSnapshot,
  CatalogTopic,
  TopicCatalog,
} from '../topic-catalog.ts'
import { randomUuid } from './data-directory.ts'
import { decodeMetadata, encodeMetadata, type MetadataRecord } from './metadata-frame.ts'
import { isDiskFailure, type PartitionLog } from './partition-log.ts'
import { scanBatches } from './scan-batches.ts'

export interface CatalogIdentity {
  readonly nodeId: number
  readonly directoryId: string
  /** Level of the feature `metadata.version` that the records are written at. */
  readonly metadataVersion: number
}

/** As many ids are taken at once; Kafka's ProducerIdsBlock has the same size. */
const producerIdBlockSize = 1000
/** The epoch in which a single node leads its own metadata. */
const metadataLeaderEpoch = 1
const topicResource = 2

export class LocalCatalog implements TopicCatalog {
  /** Topics that the log says were deleted: what is left of their directories may go. */
  readonly deletedIds = new Set<string>()
  private readonly log: PartitionLog
  private readonly identity: CatalogIdentity
  private readonly clock: Clock
  private readonly resolveConfig: (overrides: Readonly<Record<string, string>>) => TopicConfig
  private readonly listeners: ((event: CatalogEvent) => void)[] = []
  private snapshot: CatalogSnapshot = { topics: new Map(), topicsById: new Map() }
  private nextProducerId = 0
  private tail: Promise<unknown> = Promise.resolve()

  constructor(
    log: PartitionLog,
    identity: CatalogIdentity,
    clock: Clock,
    resolveConfig: (overrides: Readonly<Record<string, string>>) => TopicConfig,
  ) {
    this.log = log
    this.identity = identity
    this.clock = clock
    this.resolveConfig = resolveConfig
  }

  current(): CatalogSnapshot {
    return this.snapshot
  }

  onChange(listener: (event: CatalogEvent) => void): void {
    this.listeners.push(listener)
  }

  /** Replays the log; a new one gets its first record. */
  load(): void {
    const topics: TopicDrafts = { byId: new Map(), byName: new Map() }
    for (const segment of this.log.segments) {
      scanBatches(segment, 0, segment.size, false, (buffer, at) => {
        for (const record of recordsOf(buffer, at)) {
          const metadata = record.value === null ? undefined : decodeMetadata(record.value)
          if (metadata !== undefined) this.replay(topics, metadata)
        }
        return true
      })
    }
    this.snapshot = snapshotOf([...topics.byId.values()].map(draft => this.topicOf(draft)))
    if (this.log.logEndOffset === 0) {
      const level = { name: 'metadata.version', featureLevel: this.identity.metadataVersion }
      this.append([encodeMetadata(featureLevelRecord, 0, level)])
    }
  }

  private replay(topics: TopicDrafts, record: MetadataRecord): void {
    switch (record.type) {
      case 'TopicRecord':
        addDraft(topics, {
          name: record.value.name,
          id: record.value.topicId,
          leaderEpochs: [],
          overrides: {},
        })
        break
      case 'PartitionRecord': {
        const topic = topics.byId.get(record.value.topicId)
        if (topic !== undefined) topic.leaderEpochs[record.value.partitionId] = record.value.leaderEpoch
        break
      }
      case 'ConfigRecord': {
        if (record.value.resourceType !== topicResource) break
        const topic = topics.byName.get(record.value.resourceName)
        if (topic === undefined) break
        if (record.value.value === null) delete topic.overrides[record.value.name]
        else topic.overrides[record.value.name] = record.value.value
        break
      }
      case 'RemoveTopicRecord':
        removeDraft(topics, record.value.topicId)
        this.deletedIds.add(record.value.topicId)
        break
      case 'ProducerIdsRecord':
        this.nextProducerId = Number(record.value.nextProducerId)
        break
      case 'FeatureLevelRecord':
        break
    }
  }

  private topicOf(draft: TopicDraft): CatalogTopic {
    const partitions: CatalogPartition[] = draft.leaderEpochs.map((leaderEpoch, index) => ({
      topicId: draft.id,
      topic: draft.name,
      index,
      leaderEpoch,
    }))
    return {
      name: draft.name,
      id: draft.id,
      isInternal: isInternalTopicName(draft.name),
      partitions,
      overrides: draft.overrides,
      config: this.resolveConfig(draft.overrides),
    }
  }

  change(change: CatalogChange): Promise<CatalogSnapshot> {
    return this.inOrder(() => this.makeChange(change))
  }

  private async makeChange(change: CatalogChange): Promise<CatalogSnapshot> {
    const topics = new Map(this.snapshot.topics)
    const created: CatalogTopic[] = []
    const deleted: CatalogTopic[] = []
    if (change.type === 'create-topic') {
      if (topics.has(change.name)) {
        throw new ProtocolError('TOPIC_ALREADY_EXISTS', `Topic '${change.name}' already exists.`)
      }
      const topic = this.topicOf({
        name: change.name,
        id: randomUuid(),
        leaderEpochs: new Array(change.partitionCount).fill(0),
        overrides: { ...change.configs },
      })
      await this.appendDurably(this.creationRecords(topic))
      topics.set(topic.name, topic)
      created.push(topic)
    } else {
      const topic = this.snapshot.topicsById.get(change.id)
      if (topic === undefined) throw new ProtocolError('UNKNOWN_TOPIC_ID')
      await this.appendDurably([encodeMetadata(removeTopicRecord, 0, { topicId: topic.id })])
      this.deletedIds.add(topic.id)
      topics.delete(topic.name)
      deleted.push(topic)
    }
    this.snapshot = snapshotOf(topics.values())
    const event = { snapshot: this.snapshot, created, deleted }
    for (const listener of this.listeners) listener(event)
    return this.snapshot
  }

  private creationRecords(topic: CatalogTopic): Buffer[] {
    const { nodeId, directoryId } = this.identity
    return [
      encodeMetadata(topicRecord, 0, { name: topic.name, topicId: topic.id }),
      ...topic.partitions.map(partition =>
        encodeMetadata(partitionRecord, 1, {
          partitionId: partition.index,
          topicId: topic.id,
          replicas: [nodeId],
          isr: [nodeId],
          removingReplicas: [],
          addingReplicas: [],
          leader: nodeId,
          leaderEpoch: partition.leaderEpoch,
          partitionEpoch: 0,
          directories: [directoryId],
        }),
      ),
      ...Object.entries(topic.overrides).map(([name, value]) =>
        encodeMetadata(configRecord, 0, {
          resourceType: topicResource,
          resourceName: topic.name,
          name,
          value,
        }),
      ),
    ]
  }

  allocateProducerIds(): Promise<{ first: number; count: number }> {
    return this.inOrder(async () => {
      const first = this.nextProducerId
      const next = first + producerIdBlockSize
      const record = { brokerId: this.identity.nodeId, brokerEpoch: -1n, nextProducerId: BigInt(next) }
      await this.appendDurably([encodeMetadata(producerIdsRecord, 0, record)])
      // An id that is given twice makes new records look like duplicates, so these wait for the disk always.
      await this.log.whenOnDisk(this.log.logEndOffset).catch(refuseChange)
      this.nextProducerId = next
      return { first, count: producerIdBlockSize }
    })
  }

  private inOrder<T>(task: () => Promise<T>): Promise<T> {
    const result = this.tail.then(task, task)
    this.tail = result.catch(() => undefined)
    return result
  }

  private append(values: readonly Buffer[]): void {
    const timestamp = this.clock.now()
    const batch = buildBatch({ records: values.map(value => ({ key: null, value })), timestamp })
    const facts = {
      lastOffsetDelta: batchLastOffsetDelta(batch, 0),
      maxTimestampMs: batchMaxTimestamp(batch, 0),
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
    }
    this.log.append(batch, facts, metadataLeaderEpoch)
  }

  private async appendDurably(values: readonly Buffer[]): Promise<void> {
    try {
      if (this.log.isOffline) throw new Error('the metadata log is offline')
      this.append(values)
      await this.log.whenDurable(this.log.logEndOffset)
    } catch (error) {
      if (!this.log.isOffline && isDiskFailure(error)) this.log.goOffline(error as Error)
      refuseChange(error as Error)
    }
  }
}

function refuseChange(error: Error): never {
  throw new ProtocolError('KAFKA_STORAGE_ERROR', `The change could not be stored: ${error.message}`)
}

interface TopicDraft {
  readonly name: string
  readonly id: string
  readonly leaderEpochs: number[]
  readonly overrides: Record<string, string>
}

/** Topics while the log is replayed: records name them by id, configurations by name. */
interface TopicDrafts {
  readonly byId: Map<string, TopicDraft>
  readonly byName: Map<string, TopicDraft>
}

function addDraft(topics: TopicDrafts, draft: TopicDraft): void {
  topics.byId.set(draft.id, draft)
  topics.byName.set(draft.name, draft)
}

function removeDraft(topics: TopicDrafts, id: string): void {
  const draft = topics.byId.get(id)
  if (draft === undefined) return
  topics.byId.delete(id)
  topics.byName.delete(draft.name)
}

function snapshotOf(topics: Iterable<CatalogTopic>): CatalogSnapshot {
  const byName = new Map<string, CatalogTopic>()
  const byId = new Map<string, CatalogTopic>()
  for (const topic of topics) {
    byName.set(topic.name, topic)
    byId.set(topic.id, topic)
  }
  return { topics: byName, topicsById: byId }
}
