/**
 * Metadata: the brokers, and the topics with their partitions and leaders. A topic that a client names
 * and that does not exist is created, where broker and client allow it; the answer waits for that, so
 * the client finds a leader in its first answer instead of asking again.
 *
 * An empty list of topics means all of them in version 0 and none in the others, where null means all.
 */
import { type ErrorName, errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { metadataRequest, metadataResponse } from '../../protocol-codecs/messages/metadata.ts'
import { type Infer, type InferInput, zeroUuid } from '../../protocol-codecs/schema.ts'
import type { ClusterView } from '../cluster/cluster.ts'
import { isInternalTopicName } from '../storage/internal-topic-names.ts'
import type { CatalogSnapshot, CatalogTopic } from '../storage/topic-catalog.ts'
import { topicNameProblem } from '../topics/topic-names.ts'
import { clusterOperations, topicOperations } from './authorized-operations.ts'
import { describePartition } from './describe-partition.ts'
import { handler } from './handler.ts'
import { protocolErrorOf } from './protocol-error.ts'
import type { Services } from './services.ts'

type MetadataRequest = Infer<typeof metadataRequest>
type MetadataResponse = InferInput<typeof metadataResponse>
type TopicEntry = MetadataResponse['topics'][number]

/** From this version on topics can be asked for by id; versions 10 and 11 have the field but not the meaning. */
const firstVersionWithTopicIds = 12

export const metadata = handler({
  request: metadataRequest,
  response: metadataResponse,
  versions: '0-13',
  ordering: 'pipelined',

  async handle(request, services, context) {
    if (context.apiVersion < firstVersionWithTopicIds) checkNoTopicIds(request)
    const view = services.cluster.view()
    const address = services.advertisedAddress(context)
    const topics = isAllTopics(request, context.apiVersion)
      ? Array.from(services.catalog.current().topics.values(), topic => describe(topic, view))
      : await describeWanted(request, services, view)
    if (request.includeTopicAuthorizedOperations) {
      // Also of a topic that does not exist: it may be created.
      for (const topic of topics) {
        if (topic.name !== null) topic.topicAuthorizedOperations = topicOperations
      }
    }
    return {
      brokers: view.brokerIds.map(nodeId => ({ nodeId, ...address, rack: view.rack })),
      clusterId: view.clusterId,
      controllerId: view.controllerId,
      topics,
      ...(request.includeClusterAuthorizedOperations
        ? { clusterAuthorizedOperations: clusterOperations }
        : undefined),
    }
  },

  refuse: (request, error) => ({
    brokers: [],
    // Below version 12 an answer cannot leave the name out.
    topics: (request.topics ?? []).map(topic => failed(topic.name ?? '', topic.topicId, error)),
    errorCode: errorCodes[error],
  }),
})

function isAllTopics(request: MetadataRequest, version: number): boolean {
  return request.topics === null || (version === 0 && request.topics.length === 0)
}

function checkNoTopicIds(request: MetadataRequest): void {
  for (const { name, topicId } of request.topics ?? []) {
    if (name === null || topicId !== zeroUuid) {
      throw new ProtocolError('INVALID_REQUEST', 'This version of Metadata asks for topics by name only.')
    }
  }
}

/**
 * The topics that a request names, each once. As in Kafka, names count only where no topic is asked for by its id, and
 * one that is asked for by neither is something that the broker did not expect.
 */
function describeWanted(
  request: MetadataRequest,
  services: Services,
  view: ClusterView,
): WritableEntry[] | Promise<WritableEntry[]> {
  const topics = request.topics ?? []
  const snapshot = services.catalog.current()
  const ids = new Set(topics.map(({ topicId }) => topicId))
  ids.delete(zeroUuid)
  if (ids.size > 0) return Array.from(ids, id => describeById(id, snapshot, view))
  const mayCreate = services.settings['auto.create.topics.enable'] && request.allowAutoTopicCreation
  const names = new Set(topics.map(({ name }) => name))
  if (names.has(null)) {
    throw new ProtocolError('UNKNOWN_SERVER_ERROR', 'A topic is asked for by neither name nor id.')
  }
  return Promise.all(
    Array.from(
      names as Set<string>,
      name => describeByName(name, snapshot, view) ?? describeMissing(name, mayCreate, services, view),
    ),
  )
}

function describeById(topicId: string, snapshot: CatalogSnapshot, view: ClusterView): WritableEntry {
  const topic = snapshot.topicsById.get(topicId)
  return topic === undefined ? failed(null, topicId, 'UNKNOWN_TOPIC_ID') : describe(topic, view)
}

function describeByName(
  name: string,
  snapshot: CatalogSnapshot,
  view: ClusterView,
): WritableEntry | undefined {
  const topic = snapshot.topics.get(name)
  return topic === undefined ? undefined : describe(topic, view)
}

async function describeMissing(
  name: string,
  mayCreate: boolean,
  services: Services,
  view: ClusterView,
): Promise<WritableEntry> {
  if (topicNameProblem(name) !== undefined) return failed(name, zeroUuid, 'INVALID_TOPIC_EXCEPTION')
  if (!mayCreate) return failed(name, zeroUuid, 'UNKNOWN_TOPIC_OR_PARTITION')
  try {
    return describe(await services.topics.ensureTopic(name), view)
  } catch (error) {
    return failed(name, zeroUuid, protocolErrorOf(error).name)
  }
}

type WritableEntry = { -readonly [K in keyof TopicEntry]: TopicEntry[K] }

function describe(topic: CatalogTopic, view: ClusterView): WritableEntry {
  return {
    errorCode: errorCodes.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.isInternal,
    partitions: topic.partitions.map(partition => describePartition(partition, view)),
  }
}

function failed(name: string | null, topicId: string, error: ErrorName): WritableEntry {
  return {
    errorCode: errorCodes[error],
    name,
    topicId,
    isInternal: name !== null && isInternalTopicName(name),
    partitions: [],
  }
}
