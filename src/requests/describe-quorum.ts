/**
 * DescribeQuorum (KIP-595): who votes on `__cluster_metadata` and how far each has come. One node is a quorum by itself:
 * its leader and only voter, always caught up. As with Kafka's `kraft.version` 0, voters have no directory id. The
 * request is of that one partition; whatever else it names, alone or beside it, nobody keeps a quorum of.
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  describeQuorumRequest,
  describeQuorumResponse,
} from '../../protocol-codecs/messages/describe-quorum.ts'
import { type Infer, zeroUuid } from '../../protocol-codecs/schema.ts'
import { clusterMetadataTopic } from '../storage/internal-topic-names.ts'
import { handler } from './handler.ts'

/** From this version on the answer says where voters are (KIP-853). */
const firstVersionWithNodes = 2

type Topics = Infer<typeof describeQuorumRequest>['topics']

export const describeQuorum = handler({
  request: describeQuorumRequest,
  response: describeQuorumResponse,
  versions: '0-2',
  ordering: 'pipelined',

  handle({ topics }, services, context) {
    if (!isOfQuorum(topics)) {
      const message = 'This server does not host this topic-partition.'
      return refusedEach(topics, 'UNKNOWN_TOPIC_OR_PARTITION', message)
    }
    const { localId } = services.cluster.view()
    const { leaderEpoch, highWatermark, logEndOffset } = services.catalog.metadataLog()
    const now = BigInt(services.clock.now())
    const voter = {
      replicaId: localId,
      replicaDirectoryId: zeroUuid,
      logEndOffset: BigInt(logEndOffset),
      lastFetchTimestamp: now,
      lastCaughtUpTimestamp: now,
    }
    const partition = {
      partitionIndex: 0,
      errorCode: errorCodes.NONE,
      errorMessage: '',
      leaderId: localId,
      leaderEpoch,
      highWatermark: BigInt(highWatermark),
      currentVoters: [voter],
      observers: [],
    }
    const { host, port } = services.advertisedAddress(context)
    return {
      errorCode: errorCodes.NONE,
      errorMessage: '',
      topics: [{ topicName: clusterMetadataTopic, partitions: [partition] }],
      nodes:
        context.apiVersion < firstVersionWithNodes ? [] : [nodeOf(localId, context.listenerName, host, port)],
    }
  },

  refuse: (_request, error, message) => ({
    errorCode: errorCodes[error],
    errorMessage: message,
    topics: [],
    nodes: [],
  }),
})

function isOfQuorum([topic, ...others]: Topics): boolean {
  if (topic?.topicName !== clusterMetadataTopic || others.length > 0) return false
  return topic.partitions.length === 1 && topic.partitions[0]!.partitionIndex === 0
}

function nodeOf(nodeId: number, name: string, host: string, port: number) {
  return { nodeId, listeners: [{ name, host, port }] }
}

function refusedEach(topics: Topics, error: ErrorName, errorMessage: string) {
  return {
    errorCode: errorCodes.NONE,
    errorMessage: '',
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: errorCodes[error],
        errorMessage,
        leaderId: 0,
        leaderEpoch: 0,
        highWatermark: 0n,
        currentVoters: [],
        observers: [],
      })),
    })),
    nodes: [],
  }
}
