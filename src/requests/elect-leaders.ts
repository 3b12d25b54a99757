/**
 * ElectLeaders (KIP-460): make each partition's preferred replica its leader, or any that is left. On one node whoever
 * can lead does, so an election is either not needed or finds nobody: the log is offline. Without a list of partitions
 * all are meant, and those that need no election are left out.
 */
import { type ErrorName, errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { electLeadersRequest, electLeadersResponse } from '../../protocol-codecs/messages/elect-leaders.ts'
import { type ClusterView, noLeader } from '../cluster/cluster.ts'
import { type CatalogPartition, findPartition } from '../storage/topic-catalog.ts'
import { handler } from './handler.ts'
import { refuseIfTimedOut } from './request-timeout.ts'

/** By Kafka's number for each kind of election, what is said where nobody can be elected. */
const nobodyToElect: readonly ErrorName[] = [
  'PREFERRED_LEADER_NOT_AVAILABLE',
  'ELIGIBLE_LEADERS_NOT_AVAILABLE',
]

interface Election {
  readonly error: ErrorName
  readonly message: string | null
}

const notNeeded: Election = {
  error: 'ELECTION_NOT_NEEDED',
  message: 'Leader election not needed for topic partition.',
}

export const electLeaders = handler({
  request: electLeadersRequest,
  response: electLeadersResponse,
  versions: '0-2',
  ordering: 'sequential',

  handle({ electionType, topicPartitions, timeoutMs }, services) {
    if (topicPartitions?.length === 0) return answer([])
    refuseIfTimedOut(timeoutMs)
    const failure = nobodyToElect[electionType]
    if (failure === undefined) {
      throw new ProtocolError('INVALID_REQUEST', `Unknown election type ${electionType}`)
    }
    const snapshot = services.catalog.current()
    const view = services.cluster.view()
    if (topicPartitions === null) {
      return answer(
        Array.from(snapshot.topics.values(), ({ name, partitions }) => ({
          topic: name,
          partitionResult: partitions
            .map(partition => ({ partition, election: elect(partition, view, failure) }))
            .filter(({ election }) => election !== notNeeded)
            .map(({ partition, election }) => resultOf(partition.index, election)),
        })),
      )
    }
    return answer(
      topicPartitions.map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map(index => {
          const partition = findPartition(snapshot, topic, index)
          if (partition !== undefined) return resultOf(index, elect(partition, view, failure))
          const what = snapshot.topics.has(topic) ? `partition as ${topic}-${index}` : `topic as ${topic}`
          return resultOf(index, { error: 'UNKNOWN_TOPIC_OR_PARTITION', message: `No such ${what}` })
        }),
      })),
    )
  },

  refuse: ({ topicPartitions }, error, message) => ({
    ...answer(
      (topicPartitions ?? []).map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map(index => resultOf(index, { error, message })),
      })),
    ),
    errorCode: errorCodes[error],
  }),
})

type TopicResult = {
  readonly topic: string
  readonly partitionResult: readonly ReturnType<typeof resultOf>[]
}

function answer(replicaElectionResults: readonly TopicResult[]) {
  return { throttleTimeMs: 0, errorCode: errorCodes.NONE, replicaElectionResults }
}

function elect(partition: CatalogPartition, view: ClusterView, failure: ErrorName): Election {
  return view.leaderOf(partition) === noLeader ? { error: failure, message: null } : notNeeded
}

function resultOf(partitionId: number, { error, message }: Election) {
  return { partitionId, errorCode: errorCodes[error], errorMessage: message }
}
