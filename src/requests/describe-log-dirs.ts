/**
 * DescribeLogDirs (KIP-113, room on the disk since KIP-827): the log directories, the partitions in each and their
 * sizes. A directory that is offline is an error without partitions, and partitions that are not there are left out
 * without one. Nothing is ever on its way from one directory to another, so no log is a future one, and none lags.
 */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  describeLogDirsRequest,
  describeLogDirsResponse,
} from '../../protocol-codecs/messages/describe-log-dirs.ts'
import type { Infer, InferInput } from '../../protocol-codecs/schema.ts'
import type { LogDirectoryView } from '../storage/log-directory-view.ts'
import type { PartitionLogs } from '../storage/partition-log.ts'
import type { CatalogPartition, CatalogSnapshot } from '../storage/topic-catalog.ts'
import { handler } from './handler.ts'
import type { Services } from './services.ts'

type WantedTopics = Infer<typeof describeLogDirsRequest>['topics']
type Directory = InferInput<typeof describeLogDirsResponse>['results'][number]
type Partitions = ReadonlyMap<string, Iterable<CatalogPartition>>

export const describeLogDirs = handler({
  request: describeLogDirsRequest,
  response: describeLogDirsResponse,
  versions: '1-5',
  ordering: 'pipelined',

  async handle({ topics }, services) {
    const wanted = partitionsOf(topics, services.catalog.current())
    const results = await Promise.all(
      services.logDirectories.map(directory => describe(directory, wanted, services)),
    )
    return { throttleTimeMs: 0, errorCode: errorCodes.NONE, results }
  },

  refuse: (_request, error) => ({ throttleTimeMs: 0, errorCode: errorCodes[error], results: [] }),
})

async function describe(
  directory: LogDirectoryView,
  wanted: Partitions,
  { diskSpace, logger, logs }: Services,
): Promise<Directory> {
  const { path } = directory
  const offline = { errorCode: errorCodes.KAFKA_STORAGE_ERROR, logDir: path, topics: [] }
  if (directory.isOffline) return offline
  try {
    const { totalBytes, usableBytes } = await diskSpace(path)
    return {
      errorCode: errorCodes.NONE,
      logDir: path,
      topics: topicsIn(directory, wanted, logs),
      totalBytes: BigInt(totalBytes),
      usableBytes: BigInt(usableBytes),
    }
  } catch (error) {
    logger.error({ err: error, directory: path }, 'a log directory cannot be looked at')
    return offline
  }
}

function topicsIn(directory: LogDirectoryView, wanted: Partitions, logs: PartitionLogs): Directory['topics'] {
  const topics: Directory['topics'][number][] = []
  for (const [name, partitions] of wanted) {
    const here = [...partitions].filter(partition => directory.holds(partition))
    if (here.length === 0) continue
    topics.push({
      name,
      partitions: here.map(partition => ({
        partitionIndex: partition.index,
        partitionSize: BigInt(logs.size(partition)),
        offsetLag: 0n,
        isFutureKey: false,
      })),
    })
  }
  return topics
}

/** The partitions that are wanted and there, each once; null means all. */
function partitionsOf(wanted: WantedTopics, snapshot: CatalogSnapshot): Partitions {
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
