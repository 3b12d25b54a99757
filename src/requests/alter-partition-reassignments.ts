/**
 * AlterPartitionReassignments (KIP-455): other replicas for partitions, or an end to what is under way. On one node the
 * only assignment that there can be is the one that is, so a valid one is in force at once, nothing is ever under way,
 * and everything else is refused in Kafka's order and words.
 */
import { type ErrorName, errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import {
  alterPartitionReassignmentsRequest,
  alterPartitionReassignmentsResponse,
} from '../../protocol-codecs/messages/alter-partition-reassignments.ts'
import type { Infer } from '../../protocol-codecs/schema.ts'
import { type CatalogSnapshot, findPartition } from '../storage/topic-catalog.ts'
import { handler } from './handler.ts'
import { protocolErrorOf } from './protocol-error.ts'
import { refuseIfTimedOut } from './request-timeout.ts'

type Topics = Infer<typeof alterPartitionReassignmentsRequest>['topics']
type Partition = Topics[number]['partitions'][number]
interface Outcome {
  readonly error: ErrorName
  readonly message: string | null
}

const done: Outcome = { error: 'NONE', message: null }

export const alterPartitionReassignments = handler({
  request: alterPartitionReassignmentsRequest,
  response: alterPartitionReassignmentsResponse,
  versions: '0-1',
  ordering: 'sequential',

  handle({ topics, timeoutMs, allowReplicationFactorChange }, services) {
    const facts = { throttleTimeMs: 0, allowReplicationFactorChange, errorCode: errorCodes.NONE }
    // As Kafka has it: what nothing was asked of has an empty message.
    if (topics.length === 0) return { ...facts, errorMessage: '', responses: [] }
    refuseIfTimedOut(timeoutMs)
    const snapshot = services.catalog.current()
    const { brokerIds } = services.cluster.view()
    const responses = responsesFor(topics, (topic, partition) => {
      try {
        requirePartition(topic, partition.partitionIndex, snapshot)
        requireAssignment(partition.replicas, brokerIds)
        return done
      } catch (error) {
        const { name, message } = protocolErrorOf(error)
        return { error: name, message: message || null }
      }
    })
    return { ...facts, errorMessage: null, responses }
  },

  refuse: ({ topics, allowReplicationFactorChange }, error, message) => ({
    throttleTimeMs: 0,
    allowReplicationFactorChange,
    errorCode: errorCodes[error],
    errorMessage: message,
    responses: responsesFor(topics, () => ({ error, message })),
  }),
})

function responsesFor(topics: Topics, outcomeOf: (topic: string, partition: Partition) => Outcome) {
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(partition => {
      const { error, message } = outcomeOf(name, partition)
      const { partitionIndex } = partition
      return { partitionIndex, errorCode: errorCodes[error], errorMessage: message }
    }),
  }))
}

function requirePartition(topic: string, index: number, snapshot: CatalogSnapshot): void {
  if (findPartition(snapshot, topic, index) !== undefined) return
  const message = snapshot.topics.has(topic)
    ? `Unable to find partition ${topic}:${index}.`
    : `Unable to find a topic named ${topic}.`
  throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', message)
}

/** `null` takes back a reassignment that is under way. */
function requireAssignment(replicas: readonly number[] | null, brokerIds: readonly number[]): void {
  if (replicas === null) throw new ProtocolError('NO_REASSIGNMENT_IN_PROGRESS', '')
  const wrong = (what: string): ProtocolError =>
    new ProtocolError('INVALID_REPLICA_ASSIGNMENT', `The manual partition assignment includes ${what}.`)
  if (replicas.length === 0) throw wrong('an empty replica list')
  const sorted = [...replicas].sort((a, b) => a - b)
  for (const [position, id] of sorted.entries()) {
    if (!brokerIds.includes(id)) throw wrong(`broker ${id}, but no such broker is registered`)
    if (id === sorted[position - 1]) throw wrong(`the broker ${id} more than once`)
  }
}
