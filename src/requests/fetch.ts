/**
 * Fetch: a consumer reads, and waits where there is nothing to read. Versions 4 to 18; older ones need
 * messages in formats that are no longer stored. Followers do not exist here, so a request is always a
 * consumer's. Fetch never creates topics.
 *
 * This file deals with sessions (KIP-227); reading and waiting is `fetch-exchange.ts`.
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import { fetchRequest, fetchResponse } from '../../protocol-codecs/messages/fetch.ts'
import type { Infer } from '../../protocol-codecs/schema.ts'
import type { Isolation } from '../storage/partition-log.ts'
import { FetchExchange } from './fetch-exchange.ts'
import { FetchPartition, findTopic, firstVersionWithTopicIds } from './fetch-partition.ts'
import { type FetchSession, finalEpoch, initialEpoch } from './fetch-sessions.ts'
import { type Answer, handler, type RequestContext } from './handler.ts'
import type { Services } from './services.ts'

type FetchRequest = Infer<typeof fetchRequest>
type FetchAnswer = Answer<typeof fetchResponse>

/** Value of the request's isolation level that asks for committed records only. */
const readCommitted = 1

export const fetch = handler({
  request: fetchRequest,
  response: fetchResponse,
  versions: '4-18',
  ordering: 'sequential',

  handle(request, services, context) {
    const maxBytes = Math.max(0, Math.min(request.maxBytes, services.settings['fetch.max.bytes']))
    const minBytes = Math.min(request.minBytes, maxBytes)
    const limits = { maxBytes, minBytes, maxWaitMs: request.maxWaitMs }
    const isolation: Isolation =
      request.isolationLevel === readCommitted ? 'read_committed' : 'read_uncommitted'

    const isFull = request.sessionEpoch === initialEpoch || request.sessionEpoch === finalEpoch
    if (!isFull) {
      const session = continueSession(request, isolation, services, context)
      if (typeof session === 'string') return refused(session)
      const partitions = session.closed ? [] : 'incremental'
      return new FetchExchange({ partitions, session, ...limits }, services, context).run()
    }

    if (request.sessionId !== 0) services.fetchSessions.remove(request.sessionId)
    const session =
      request.sessionEpoch === initialEpoch ? startSession(request, isolation, services, context) : undefined
    const partitions = session?.all() ?? wantedPartitions(request, isolation, services, context)
    return new FetchExchange({ partitions, session, ...limits }, services, context).run()
  },

  refuse: (request, error) => ({
    ...refused(error),
    responses: request.topics.map(topic => ({
      topic: topic.topic,
      topicId: topic.topicId,
      partitions: topic.partitions.map(partition => ({
        partitionIndex: partition.partition,
        errorCode: errorCodes[error],
        highWatermark: -1n,
        abortedTransactions: null,
        records: [],
      })),
    })),
  }),
})

/** An answer that is an error of the session as a whole. */
function refused(error: ErrorName): Exclude<FetchAnswer, symbol> {
  return { errorCode: errorCodes[error], sessionId: 0, responses: [] }
}

function startSession(
  request: FetchRequest,
  isolation: Isolation,
  services: Services,
  context: RequestContext,
): FetchSession | undefined {
  const byId = context.apiVersion >= firstVersionWithTopicIds
  const snapshot = services.catalog.current()
  return services.fetchSessions.create(request.topics, { byId, isolation, snapshot })
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

/** The partitions of a request without session. */
function wantedPartitions(
  request: FetchRequest,
  isolation: Isolation,
  services: Services,
  context: RequestContext,
): FetchPartition[] {
  const byId = context.apiVersion >= firstVersionWithTopicIds
  const snapshot = services.catalog.current()
  const partitions: FetchPartition[] = []
  for (const topic of request.topics) {
    const found = findTopic(snapshot, topic, byId)
    for (const wanted of topic.partitions) {
      const partition = new FetchPartition(topic.topic, topic.topicId, wanted.partition, isolation)
      partition.resolve(found, byId)
      partition.want(wanted)
      partitions.push(partition)
    }
  }
  return partitions
}
