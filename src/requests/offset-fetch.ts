/**
 * OffsetFetch: of one group up to version 7, of several from version 8 on (KIP-709), topics by id from
 * version 10 on (KIP-848). Partitions without a committed offset are no error, except in version 0, which
 * knows no other way to say so.
 */
import { type ErrorName, errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { offsetFetchRequest, offsetFetchResponse } from '../../protocol-codecs/messages/offset-fetch.ts'
import { type Infer, zeroUuid } from '../../protocol-codecs/schema.ts'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { OffsetFetchGroup, OffsetFetchGroupResponse } from '../groups/group-events.ts'
import type { CatalogSnapshot } from '../storage/topic-catalog.ts'
import { type Answer, handler } from './handler.ts'

const firstVersionWithGroups = 8
const firstVersionWithTopicIds = 10

type Request = Infer<typeof offsetFetchRequest>
type ResponseTopic = OffsetFetchGroupResponse['topics'] extends infer T | undefined
  ? NonNullable<T> extends readonly (infer E)[]
    ? E
    : never
  : never

export const offsetFetch = handler({
  request: offsetFetchRequest,
  response: offsetFetchResponse,
  versions: '0-10',
  ordering: 'pipelined',
  handle(request, { catalog, groups }, { apiVersion }) {
    const snapshot = catalog.current()
    if (apiVersion < firstVersionWithGroups) return fetchOne(request, groups, apiVersion)
    const usesIds = apiVersion >= firstVersionWithTopicIds
    const answers = request.groups.map(group =>
      fetchGroup({ ...group, requireStable: request.requireStable }, groups, snapshot, usesIds),
    )
    return Promise.all(answers).then(fetched => ({ groups: fetched }))
  },
  refuse: (request, error) => refuseAll(request, error),
})

async function fetchOne(
  request: Request,
  groups: GroupCoordinator,
  apiVersion: number,
): Promise<Answer<typeof offsetFetchResponse>> {
  const { groupId, requireStable } = request
  const topics = request.topics?.map(topic => ({ ...topic, topicId: zeroUuid })) ?? null
  const fetched = await groups.fetchOffsets({ groupId, topics, requireStable })
  const answered = (fetched.topics ?? []).map(({ name, partitions }) => ({
    name: name ?? '',
    partitions: (partitions ?? []).map(partition =>
      apiVersion === 0 && partition.committedOffset === -1n
        ? { ...partition, errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION }
        : partition,
    ),
  }))
  return { topics: answered, errorCode: fetched.errorCode }
}

async function fetchGroup(
  group: OffsetFetchGroup,
  groups: GroupCoordinator,
  snapshot: CatalogSnapshot,
  usesIds: boolean,
): Promise<OffsetFetchGroupResponse> {
  const { groupId, requireStable } = group
  const topics: { name: string; topicId: string; partitionIndexes: readonly number[] }[] = []
  const unknown: ResponseTopic[] = []
  for (const { name, partitionIndexes, topicId } of group.topics ?? []) {
    const known = usesIds ? snapshot.topicsById.get(topicId)?.name : name
    if (known !== undefined) topics.push({ name: known, topicId, partitionIndexes })
    else unknown.push(unknownTopic(topicId, partitionIndexes))
  }
  // One group's trouble is not the others': each answers for itself.
  const fetched = await settled(groupId, () =>
    groups.fetchOffsets({ groupId, topics: group.topics === null ? null : topics, requireStable }),
  )
  if (!usesIds) return fetched
  // Everything that the group has, so by name: an id is found for it, or it cannot be said.
  const identified = (fetched.topics ?? []).flatMap(topic => {
    const topicId = topic.topicId === zeroUuid ? snapshot.topics.get(topic.name ?? '')?.id : topic.topicId
    return topicId === undefined ? [] : { ...topic, topicId }
  })
  return { ...fetched, topics: [...identified, ...unknown] }
}

async function settled(
  groupId: string,
  fetch: () => OffsetFetchGroupResponse | Promise<OffsetFetchGroupResponse>,
): Promise<OffsetFetchGroupResponse> {
  try {
    return await fetch()
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return { groupId, topics: [], errorCode: error.code }
  }
}

function unknownTopic(topicId: string, partitionIndexes: readonly number[]): ResponseTopic {
  return {
    topicId,
    partitions: partitionIndexes.map(partitionIndex => ({
      partitionIndex,
      committedOffset: -1n,
      committedLeaderEpoch: -1,
      metadata: '',
      errorCode: errorCodes.UNKNOWN_TOPIC_ID,
    })),
  }
}

/** Versions below 2 have no place for an error but the partitions, which were named in those versions. */
function refuseAll(request: Request, error: ErrorName): Answer<typeof offsetFetchResponse> {
  const errorCode = errorCodes[error]
  if (request.groups.length > 0) {
    return { groups: request.groups.map(({ groupId }) => ({ groupId, topics: [], errorCode })) }
  }
  return {
    errorCode,
    topics: (request.topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map(partitionIndex => ({
        partitionIndex,
        committedOffset: -1n,
        committedLeaderEpoch: -1,
        metadata: '',
        errorCode,
      })),
    })),
  }
}
