/**
 * What several families of one scrape are taken from, gathered once. The logs and topics are those of that moment;
 * their numbers are read later, while the event loop goes on in between, so not all are of the same instant.
 */
import type { GroupCounts, MeasuredLog, MeasuredTopic, MetricSources } from './sources.ts'
import { LogTraffic } from './traffic.ts'

export interface DirectorySpace {
  readonly path: string
  readonly totalBytes: number
  readonly usableBytes: number
}

export interface Scrape {
  readonly sources: MetricSources
  readonly topics: readonly MeasuredTopic[]
  readonly logs: readonly MeasuredLog[]
  readonly logsByTopic: ReadonlyMap<string, readonly MeasuredLog[]>
  readonly trafficByTopic: ReadonlyMap<string, LogTraffic>
  /** Of all topics, the deleted ones included. */
  readonly traffic: LogTraffic
  readonly offlineCount: number
  readonly groups: GroupCounts
  /** Of the log directories that can be used. */
  readonly spaces: readonly DirectorySpace[]
  /** Those that get series of their own: all, or none if they are too many. */
  readonly shownLogs: readonly MeasuredLog[]
  readonly showsOffsets: boolean
}

export async function gather(sources: MetricSources): Promise<Scrape> {
  const spaces = await spacesOf(sources)
  const logs = [...sources.logs.all()]
  const logsByTopic = new Map<string, MeasuredLog[]>()
  const trafficByTopic = new Map<string, LogTraffic>()
  const traffic = new LogTraffic()
  traffic.add(sources.logs.deletedTraffic)
  let offlineCount = 0
  for (const log of logs) {
    const { topic, index } = log.partition
    let ofTopic = logsByTopic.get(topic)
    let sum = trafficByTopic.get(topic)
    if (ofTopic === undefined || sum === undefined) {
      ofTopic = []
      sum = new LogTraffic()
      logsByTopic.set(topic, ofTopic)
      trafficByTopic.set(topic, sum)
    }
    ofTopic[index] = log
    sum.add(log.traffic)
    traffic.add(log.traffic)
    if (log.isOffline) offlineCount++
  }
  const groups = sources.groupCounts()
  const { maxPartitionCount } = sources
  return {
    sources,
    topics: [...sources.topics()],
    logs,
    logsByTopic,
    trafficByTopic,
    traffic,
    offlineCount,
    groups,
    spaces,
    shownLogs: logs.length > maxPartitionCount ? [] : logs,
    showsOffsets: groups.committedOffsets <= maxPartitionCount,
  }
}

/** One that cannot be looked at has none: the scrape is to tell of the others all the same. */
async function spacesOf({ diskSpace, logDirectories }: MetricSources): Promise<DirectorySpace[]> {
  const spaces = await Promise.all(
    logDirectories.map(async ({ isOffline, path }) => {
      if (isOffline) return []
      try {
        return [{ path, ...(await diskSpace(path)) }]
      } catch {
        return []
      }
    }),
  )
  return spaces.flat()
}
