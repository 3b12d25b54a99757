/**
 * OffsetDelete (KIP-496): takes committed offsets away, of partitions that no member of the group is subscribed
 * to. An error of the group as a whole stands alone: what was found out about partitions is then left out.
 */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { offsetDeleteRequest, offsetDeleteResponse } from '../../protocol-codecs/messages/offset-delete.ts'
import type { OffsetDeleteRequest, OffsetDeleteResponse } from '../groups/group-events.ts'
import type { CatalogSnapshot } from '../storage/topic-catalog.ts'
import { handler } from './handler.ts'

export const offsetDelete = handler({
  request: offsetDeleteRequest,
  response: offsetDeleteResponse,
  versions: '0',
  ordering: 'pipelined',
  handle(request, { catalog, groups }) {
    const { known, refused } = splitByExistence(request.topics, catalog.current())
    // Asked even for nothing: only the coordinator knows whether there is such a group.
    const response = groups.deleteOffsets({ ...request, topics: known })
    if (refused.length === 0) return response
    return response instanceof Promise
      ? response.then(deleted => merged(deleted, refused))
      : merged(response, refused)
  },
  refuse: (_, error) => ({ errorCode: errorCodes[error], throttleTimeMs: 0, topics: [] }),
})

type ResponseTopic = OffsetDeleteResponse['topics'][number]

function splitByExistence(topics: OffsetDeleteRequest['topics'], { topics: existing }: CatalogSnapshot) {
  const known: OffsetDeleteRequest['topics'][number][] = []
  const refused: ResponseTopic[] = []
  const errorCode = errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  for (const { name, partitions } of topics) {
    const count = existing.get(name)?.partitions.length ?? 0
    const exists = (index: number) => index >= 0 && index < count
    const there = partitions.filter(({ partitionIndex }) => exists(partitionIndex))
    const missing = partitions.filter(({ partitionIndex }) => !exists(partitionIndex))
    if (there.length > 0) known.push({ name, partitions: there })
    // An unknown topic has its place in the answer even with nothing asked of it, as in Kafka.
    if (missing.length > 0 || count === 0) {
      refused.push({ name, partitions: missing.map(partition => ({ ...partition, errorCode })) })
    }
  }
  return { known, refused }
}

/** A topic with partitions of both kinds is one topic in the answer. */
function merged(response: OffsetDeleteResponse, refused: readonly ResponseTopic[]): OffsetDeleteResponse {
  if (response.errorCode !== errorCodes.NONE) return response
  const topics = new Map(refused.map(topic => [topic.name, topic]))
  for (const { name, partitions } of response.topics) {
    topics.set(name, { name, partitions: [...(topics.get(name)?.partitions ?? []), ...partitions] })
  }
  return { ...response, topics: [...topics.values()] }
}
