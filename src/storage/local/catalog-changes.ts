/**
 * Each kind of change to the catalogue as the records that make it, checked against the newest state. What is
 * not allowed to come in is decided above; here is only what would contradict the state, as ProtocolError.
 */
import { ProtocolError } from '../../../protocol-codecs/error-codes.ts'
import {
  configRecord,
  featureLevelRecord,
  partitionChangeRecord,
  partitionRecord,
  producerIdsRecord,
  removeTopicRecord,
  topicRecord,
} from '../../../protocol-codecs/internal-topics/metadata-records.ts'
import { randomUuid } from '../../platform/random-uuid.ts'
import type { CatalogChange, ConfigResource } from '../topic-catalog.ts'
import { type CatalogState, configResourceIds } from './catalog-state.ts'
import { encodeMetadata } from './metadata-frame.ts'

/** The node on which everything lies. */
export interface CatalogIdentity {
  readonly nodeId: number
  /** Ids of the log directories that new partitions may go to now. */
  openDirectoryIds(): readonly string[]
  /** Level of the feature `metadata.version` that the records are written at. */
  readonly metadataVersion: number
}

type ChangeOf<Type extends CatalogChange['type']> = Extract<CatalogChange, { type: Type }>

/** The records of a change, to be appended as one batch; none: everything is so already. */
export function recordsOfChange(
  change: CatalogChange,
  state: CatalogState,
  identity: CatalogIdentity,
): Buffer[] {
  switch (change.type) {
    case 'create-topic':
      return createTopic(change, state, identity)
    case 'delete-topic':
      return deleteTopic(change, state)
    case 'create-partitions':
      return createPartitions(change, state, identity)
    case 'alter-configs':
      return alterConfigs(change, state)
    case 'set-feature-levels':
      return Array.from(change.levels, featureLevelOf)
  }
}

function createTopic(
  { name, partitionCount, configs }: ChangeOf<'create-topic'>,
  state: CatalogState,
  identity: CatalogIdentity,
): Buffer[] {
  if (state.topicsByName.has(name)) {
    throw new ProtocolError('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`)
  }
  const topicId = randomUuid()
  const partitions = placesFor(partitionCount, state, identity).map((directoryId, index) =>
    partitionOf(topicId, index, directoryId, identity),
  )
  return [
    encodeMetadata(topicRecord, 0, { name, topicId }),
    ...partitions,
    ...Object.entries(configs).map(([key, value]) => configOf({ type: 'topic', name }, key, value)),
  ]
}

/** For each of new partitions the directory that has the fewest by then, as Kafka places them; the first among equals. */
function placesFor(partitionCount: number, state: CatalogState, identity: CatalogIdentity): string[] {
  const counts = new Map(identity.openDirectoryIds().map(id => [id, state.partitionCounts.get(id) ?? 0]))
  if (counts.size === 0) throw new ProtocolError('KAFKA_STORAGE_ERROR', 'No log directory is online.')
  return Array.from({ length: partitionCount }, () => {
    const [id, count] = [...counts].reduce((fewest, next) => (next[1] < fewest[1] ? next : fewest))
    counts.set(id, count + 1)
    return id
  })
}

/** A partition, and the log directory that it is found or put in. */
export interface Assignment {
  readonly topicId: string
  readonly index: number
  readonly directoryId: string
}

export function assignPartitions(assignments: readonly Assignment[]): Buffer[] {
  return assignments.map(({ topicId, index, directoryId }) =>
    encodeMetadata(partitionChangeRecord, 1, { partitionId: index, topicId, directories: [directoryId] }),
  )
}

function partitionOf(
  topicId: string,
  index: number,
  directoryId: string,
  { nodeId }: CatalogIdentity,
): Buffer {
  return encodeMetadata(partitionRecord, 1, {
    partitionId: index,
    topicId,
    replicas: [nodeId],
    isr: [nodeId],
    removingReplicas: [],
    addingReplicas: [],
    leader: nodeId,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: [directoryId],
  })
}

function configOf({ type, name: resourceName }: ConfigResource, name: string, value: string | null): Buffer {
  return encodeMetadata(configRecord, 0, { resourceType: configResourceIds[type], resourceName, name, value })
}

function deleteTopic({ id }: ChangeOf<'delete-topic'>, state: CatalogState): Buffer[] {
  if (!state.topicsById.has(id)) throw new ProtocolError('UNKNOWN_TOPIC_ID')
  return [encodeMetadata(removeTopicRecord, 0, { topicId: id })]
}

function createPartitions(
  { id, partitionCount }: ChangeOf<'create-partitions'>,
  state: CatalogState,
  identity: CatalogIdentity,
): Buffer[] {
  const topic = state.topicsById.get(id)
  if (topic === undefined) throw new ProtocolError('UNKNOWN_TOPIC_ID')
  const first = topic.leaderEpochs.length
  if (partitionCount <= first) {
    throw new ProtocolError('INVALID_PARTITIONS', `Topic already has ${first} partition(s).`)
  }
  return placesFor(partitionCount - first, state, identity).map((directoryId, n) =>
    partitionOf(id, first + n, directoryId, identity),
  )
}

function alterConfigs({ alterations }: ChangeOf<'alter-configs'>, state: CatalogState): Buffer[] {
  return alterations.flatMap(({ resource, configs }) => {
    const current = state.configsOf(resource)
    if (current === undefined) throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION')
    return Object.entries(configs)
      .filter(([name, value]) => (current[name] ?? null) !== value)
      .map(([name, value]) => configOf(resource, name, value))
  })
}

export function featureLevelOf([name, featureLevel]: readonly [string, number]): Buffer {
  return encodeMetadata(featureLevelRecord, 0, { name, featureLevel })
}

/** Takes the producer ids up to `nextProducerId`. */
export function takeProducerIds(nextProducerId: number, { nodeId }: CatalogIdentity): Buffer[] {
  const record = { brokerId: nodeId, brokerEpoch: -1n, nextProducerId: BigInt(nextProducerId) }
  return [encodeMetadata(producerIdsRecord, 0, record)]
}
