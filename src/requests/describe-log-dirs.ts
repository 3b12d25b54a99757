/**
 * DescribeLogDirs (KIP-113, room on the disk since KIP-827): the data directory, the partitions in it and
 * their sizes. Partitions that are not there are left out without an error. Nothing is ever on its way from
 * one directory to another, so no log is a future one, and none lags.
 */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  describeLogDirsRequest,
  describeLogDirsResponse,
} from '../../protocol-codecs/messages/describe-log-dirs.ts'
import type { Infer, InferInput } from '../../protocol-codecs/schema.ts'
import type { CatalogPartition, CatalogSnapshot } from '../storage/topic-catalog.ts'
import { handler } from './handler.ts'
import type { Services } from './services.ts'

type WantedTopics = Infer<typeof describeLogDirsRequest>['topics']
type Directory = InferInput<typeof describeLogDirsResponse>['results'][number]

export const describeLogDirs = handler({
  request: describeLogDirsRequest,
  response: describeLogDirsResponse,
  versions: '1-5',
  ordering: 'pipelined',

  async handle({ topics }, services) {
    return { throttleTimeMs: 0, errorCode: errorCodes.NONE, results: [await describe(topics, services)] }
  },

  refuse: (_request, error) => ({ throttleTimeMs: 0, errorCode: errorCodes[error], results: [] }),
})

async function describe(wanted: WantedTopics, services: Services): Promise<Directory> {
  const { path } = services.logDirectory
  try {
    const { totalBytes, usableBytes } = await services.logDirectory.space()
    return {
      errorCode: errorCodes.NONE,
      logDir: path,
      topics: topicsIn(wanted, services),
      totalBytes: BigInt(totalBytes),
      usableBytes: BigInt(usableBytes),
    }
  } catch (error) {
    services.logger.error({ err: error, directory: path }, 'the data directory cannot be looked at')
    return { errorCode: errorCodes.KAFKA_STORAGE_ERROR, logDir: path, topics: [] }
  }
}

function topicsIn(wanted: WantedTopics, { catalog, logs }: Services): Directory['topics'] {
  const found = partitionsOf(wanted, catalog.current())
  return [...found].map(([name, partitions]) => ({
    name,
    partitions: [...partitions].map(partition => ({
      partitionIndex: partition.index,
      partitionSize: BigInt(logs.size(partition)),
      offsetLag: 0n,
      isFutureKey: false,
    })),
  }))
}

/** The partitions that are wanted and there, each once; null means all. */
function partitionsOf(
  wanted: WantedTopics,
  snapshot: CatalogSnapshot,
): Map<string, Iterable<CatalogPartition>> {
  if (wanted === null) {
    return new Map(Array.from(snapshot.topics.values(), topic => [topic.name, topic.partitions]))
  }
  const found = new Map<string, Set<CatalogPartition>>()
  for (const { topic, partitions: indexes } of wanted) {
    for (const index of indexes) {
      const partition = snapshot.topics.get(topic)?.partitions[index]
      if (partition === undefined) continue
      const partitions = found.get(topic)
      if (partitions === undefined) found.set(topic, new Set([partition]))
      else partitions.add(partition)
    }
  }
  return found
}
