/**
 * OffsetForLeaderEpoch: where did an epoch end? A consumer asks to find out whether the log it read was
 * cut off behind its back (KIP-320). Versions 0 and 1 have no current leader epoch to check, and 0 does
 * not say which epoch was found.
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
} from '../../protocol-codecs/messages/offset-for-leader-epoch.ts'
import { findPartition } from '../storage/topic-catalog.ts'
import { handler } from './handler.ts'
import { epochEnd, leaderEpochProblem } from './leader-epoch.ts'
import { protocolErrorOf } from './protocol-error.ts'

export const offsetForLeaderEpoch = handler({
  request: offsetForLeaderEpochRequest,
  response: offsetForLeaderEpochResponse,
  versions: '0-4',
  ordering: 'pipelined',

  handle(request, services) {
    const snapshot = services.catalog.current()
    return {
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
          const partition = findPartition(snapshot, topic, index)
          if (partition === undefined) return failed(index, 'UNKNOWN_TOPIC_OR_PARTITION')
          const problem = leaderEpochProblem(partition, currentLeaderEpoch)
          if (problem !== 'NONE') return failed(index, problem)
          try {
            const end = epochEnd(partition, leaderEpoch, services.logs)
            return {
              errorCode: errorCodes.NONE,
              partition: index,
              leaderEpoch: end.epoch,
              endOffset: BigInt(end.endOffset),
            }
          } catch (error) {
            return failed(index, protocolErrorOf(error).name)
          }
        }),
      })),
    }
  },

  refuse: (request, error) => ({
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => failed(partition, error)),
    })),
  }),
})

function failed(partition: number, error: ErrorName) {
  return { errorCode: errorCodes[error], partition, leaderEpoch: -1, endOffset: -1n }
}
