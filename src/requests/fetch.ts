/**
 * Fetch: a consumer reads, and waits where there is nothing to read. Versions 0-3, whose consumers read older
 * formats than the stored one, go by `legacy-fetch.ts`. Followers do not exist here, and who says to be one is refused.
 * Fetch never creates topics.
 *
 * This file deals with sessions (KIP-227); reading and waiting is `fetch-exchange.ts`.
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import { fetchRequest, fetchResponse } from '../../protocol-codecs/messages/fetch.ts'
import { type Infer, zeroUuid } from '../../protocol-codecs/schema.ts'
import type { Isolation } from '../storage/partition-log.ts'
import { FetchExchange, limitsOf } from './fetch-exchange.ts'
import { firstVersionWithTopicIds, wantedPartitions } from './fetch-partition.ts'
import { type FetchSession, finalEpoch, initialEpoch } from './fetch-sessions.ts'
import { type Answer, handler, type RequestContext } from './handler.ts'
import { isolationOf } from './isolation.ts'
import { fetchMessageSets } from './legacy-fetch.ts'
import type { Services } from './services.ts'

type FetchRequest = Infer<typeof fetchRequest>
type FetchAnswer = Answer<typeof fetchResponse>

export const fetch = handler({
  request: fetchRequest,
  response: fetchResponse,
  versions: '0-18',
  ordering: 'sequential',

  legacy: { versions: '0-3', handle: fetchMessageSets },

  handle(request, services, context) {
    const limits = limitsOf(request, services)
    const isolation = isolationOf(request.isolationLevel)

    const isFull = request.sessionEpoch === initialEpoch || request.sessionEpoch === finalEpoch
    if (!isFull) {
      const session = continueSession(request, isolation, services, context)
      if (typeof session === 'string') return refused(session)
      const partitions = session.closed ? [] : 'incremental'
      return new FetchExchange({ partitions, session, ...limits }, services, context).run()
    }

    if (request.sessionId !== 0) services.fetchSessions.remove(request.sessionId)
    const byId = context.apiVersion >= firstVersionWithTopicIds
    const snapshot = services.catalog.current()
    const session =
      request.sessionEpoch === initialEpoch
        ? services.fetchSessions.create(request.topics, { byId, isolation, snapshot })
        : undefined
    const partitions = session?.all() ?? wantedPartitions(request.topics, isolation, snapshot, byId)
    return new FetchExchange({ partitions, session, ...limits }, services, context).run()
  },

  refuse: (request, error) => ({
    ...refused(error),
    // Where topics go by ids, the error stands at the top alone.
    responses: request.topics
      .filter(({ topicId }) => topicId === zeroUuid)
      .map(topic => ({
        topic: topic.topic,
        partitions: topic.partitions.map(partition => ({
          partitionIndex: partition.partition,
          errorCode: errorCodes[error],
          highWatermark: -1n,
          abortedTransactions: [],
          records: [],
        })),
      })),
  }),
})

/** An answer that is an error of the session as a whole. */
function refused(error: ErrorName): Exclude<FetchAnswer, symbol> {
  return { errorCode: errorCodes[error], sessionId: 0, responses: [] }
}

/** The session that an incremental request goes on with, brought up to date; or what is wrong with it. */
function continueSession(
  request: FetchRequest,
  isolation: Isolation,
  services: Services,
  context: RequestContext,
): FetchSession | ErrorName {
  const sessions = services.fetchSessions
  const session = sessions.get(request.sessionId)
  if (session === undefined) return 'FETCH_SESSION_ID_NOT_FOUND'
  // One that is still being served can only be continued out of turn, from another connection.
  if (session.epoch !== request.sessionEpoch || session.busy) return 'INVALID_FETCH_SESSION_EPOCH'
  if (session.byId !== context.apiVersion >= firstVersionWithTopicIds) return 'FETCH_SESSION_TOPIC_ID_ERROR'
  let added = 0
  for (const topic of request.topics) added += topic.partitions.length
  if (added > session.partitionCount && !sessions.hasRoomFor(added)) {
    sessions.remove(session.id)
    return 'FETCH_SESSION_ID_NOT_FOUND'
  }
  session.refresh(services.catalog.current())
  session.setIsolation(isolation)
  sessions.apply(session, request.topics, request.forgottenTopicsData)
  return session
}
