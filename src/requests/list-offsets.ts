/**
 * ListOffsets: the offset at a point in time, or at one of the named places of a log. Timestamps below 0
 * are such places; a version knows only those that were defined when it was made.
 *
 * Version 0 knows no timestamps in its answer, but gives up to `maxNumOffsets` offsets in descending
 * order, none of them later than the place asked for.
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import { listOffsetsRequest, listOffsetsResponse } from '../../protocol-codecs/messages/list-offsets.ts'
import type { Infer, InferInput } from '../../protocol-codecs/schema.ts'
import type { Isolation, OffsetAndTimestamp, PartitionLogs } from '../storage/partition-log.ts'
import { type CatalogPartition, findPartition } from '../storage/topic-catalog.ts'
import { byPartition, shapeOfNamed } from './by-partition.ts'
import { handler } from './handler.ts'
import { isolationOf } from './isolation.ts'
import { leaderEpochProblem } from './leader-epoch.ts'
import { protocolErrorOf } from './protocol-error.ts'
import { whenReadable } from './when-readable.ts'

type WantedTopic = Infer<typeof listOffsetsRequest>['topics'][number]
type WantedPartition = WantedTopic['partitions'][number]
type FoundPartition = InferInput<typeof listOffsetsResponse>['topics'][number]['partitions'][number]

/** The named places: their number, and the version that brought it. */
const place = {
  latest: -1,
  earliest: -2,
  maxTimestamp: -3,
  earliestLocal: -4,
  latestTiered: -5,
  earliestPendingUpload: -6,
} as const
const firstVersionOfPlace: Readonly<Record<number, number>> = {
  [place.latest]: 0,
  [place.earliest]: 0,
  [place.maxTimestamp]: 7,
  [place.earliestLocal]: 8,
  [place.latestTiered]: 9,
  [place.earliestPendingUpload]: 11,
}

const firstVersionWithLeaderEpoch = 4
const none: ReadonlySet<string> = new Set()
const notFound: OffsetAndTimestamp = { offset: -1, timestampMs: -1, leaderEpoch: -1 }

export const listOffsets = handler({
  request: listOffsetsRequest,
  response: listOffsetsResponse,
  versions: '0-11',
  // The high watermark that it tells includes what was produced before on the same connection.
  ordering: 'sequential',

  async handle(request, services, context) {
    const isolation = isolationOf(request.isolationLevel)
    const snapshot = services.catalog.current()
    const asked = context.apiVersion === 0 ? request.topics : byPartition(request.topics, topicShape)
    const repeated = asked === request.topics ? none : repeatedPartitions(request.topics)
    const topics = asked.map(async ({ name, partitions }) => ({
      name,
      partitions: await Promise.all(
        partitions.map(async wanted => {
          const index = wanted.partitionIndex
          if (repeated.has(`${name}-${index}`)) return failed(index, 'INVALID_REQUEST')
          if (!isPlace(wanted.timestamp, context.apiVersion)) return failed(index, 'UNSUPPORTED_VERSION')
          const partition = findPartition(snapshot, name, index)
          if (partition === undefined) return failed(index, 'UNKNOWN_TOPIC_OR_PARTITION')
          const problem = leaderEpochProblem(partition, wanted.currentLeaderEpoch)
          if (problem !== 'NONE') return failed(index, problem)
          try {
            if (dependsOnTheEnd(wanted.timestamp)) await whenReadable(partition, services)
            return await find(partition, wanted, context.apiVersion, isolation, services.logs)
          } catch (error) {
            return failed(index, protocolErrorOf(error).name)
          }
        }),
      ),
    }))
    return { topics: await Promise.all(topics) }
  },

  refuse: (request, error) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => failed(partitionIndex, error)),
    })),
  }),
})

/** Whether a version knows what to look for there: a time, or a place that was defined when it was made. */
function isPlace(timestamp: bigint, version: number): boolean {
  return timestamp >= 0n || version >= (firstVersionOfPlace[Number(timestamp)] ?? Number.POSITIVE_INFINITY)
}

/** Whether what was appended last may decide what is found there. */
function dependsOnTheEnd(timestamp: bigint): boolean {
  return timestamp !== BigInt(place.earliest) && timestamp !== BigInt(place.earliestLocal)
}

async function find(
  partition: CatalogPartition,
  wanted: WantedPartition,
  version: number,
  isolation: Isolation,
  logs: PartitionLogs,
): Promise<FoundPartition> {
  const timestamp = Number(wanted.timestamp)
  if (version === 0) {
    const oldStyleOffsets = await offsetsBefore(partition, wanted, timestamp, logs)
    return { partitionIndex: partition.index, errorCode: errorCodes.NONE, oldStyleOffsets }
  }
  const at = await locate(partition, timestamp, isolation, logs)
  return {
    partitionIndex: partition.index,
    errorCode: errorCodes.NONE,
    timestamp: BigInt(at.timestampMs),
    offset: BigInt(at.offset),
    ...(version >= firstVersionWithLeaderEpoch ? { leaderEpoch: at.leaderEpoch } : undefined),
  }
}

async function locate(
  partition: CatalogPartition,
  timestamp: number,
  isolation: Isolation,
  logs: PartitionLogs,
): Promise<OffsetAndTimestamp> {
  if (timestamp >= 0) return (await logs.offsetAt(partition, timestamp, isolation)) ?? notFound
  const offsets = logs.offsets(partition)
  switch (timestamp) {
    case place.latest: {
      const end = isolation === 'read_committed' ? offsets.lastStableOffset : offsets.highWatermark
      return { offset: end, timestampMs: -1, leaderEpoch: partition.leaderEpoch }
    }
    case place.earliest:
    case place.earliestLocal: {
      const offset = offsets.logStartOffset
      const isEmpty = offset === offsets.logEndOffset
      const leaderEpoch = isEmpty ? partition.leaderEpoch : logs.epochAt(partition, offset)
      return { offset, timestampMs: -1, leaderEpoch }
    }
    case place.maxTimestamp:
      return (await logs.maxTimestamp(partition)) ?? notFound
    default:
      // Without tiered storage nothing is there, and nothing is on its way.
      return notFound
  }
}

/** Version 0: the place itself, and the start of the log behind it where a second offset is welcome. */
async function offsetsBefore(
  partition: CatalogPartition,
  wanted: WantedPartition,
  timestamp: number,
  logs: PartitionLogs,
): Promise<bigint[]> {
  const { logStartOffset, highWatermark } = logs.offsets(partition)
  let last = highWatermark
  if (timestamp === place.earliest) last = logStartOffset
  else if (timestamp >= 0) {
    last = (await logs.offsetAt(partition, timestamp, 'read_uncommitted'))?.offset ?? highWatermark
  }
  const offsets = last > logStartOffset ? [BigInt(last), BigInt(logStartOffset)] : [BigInt(last)]
  return offsets.slice(0, Math.max(0, wanted.maxNumOffsets))
}

function failed(partitionIndex: number, error: ErrorName): FoundPartition {
  return { partitionIndex, errorCode: errorCodes[error] }
}

const topicShape = shapeOfNamed<WantedPartition, WantedTopic>()

function repeatedPartitions(topics: readonly WantedTopic[]): ReadonlySet<string> {
  const seen = new Set<string>()
  const repeated = new Set<string>()
  for (const { name, partitions } of topics) {
    for (const { partitionIndex } of partitions) {
      const key = `${name}-${partitionIndex}`
      if (seen.has(key)) repeated.add(key)
      seen.add(key)
    }
  }
  return repeated
}
