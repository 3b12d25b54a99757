/**
 * One partition as a fetch wants it: who it is, from where and how much. It is the `ReadItem` that is
 * handed to the log, so a session reads again and again without making an object per partition.
 *
 * `partition` is what the name or id stood for in the catalogue when it was last looked up; while
 * `missing` is not NONE it means nothing.
 */
import type { fetchRequest } from '../../protocol-codecs/messages/fetch.ts'
import type { Infer } from '../../protocol-codecs/schema.ts'
import type { Isolation, ReadItem, Watch } from '../storage/partition-log.ts'
import type { CatalogPartition, CatalogSnapshot, CatalogTopic } from '../storage/topic-catalog.ts'

export type FetchTopicRequest = Infer<typeof fetchRequest>['topics'][number]
export type FetchPartitionRequest = FetchTopicRequest['partitions'][number]

/** From this version on topics are named by their id. */
export const firstVersionWithTopicIds = 13

const nobody: CatalogPartition = { topicId: '', topic: '', index: -1, leaderEpoch: -1 }

export class FetchPartition implements ReadItem {
  /** The client's name for the topic; '' where it uses ids. */
  readonly topic: string
  /** The client's id for the topic; zero where it uses names. */
  readonly topicId: string
  readonly index: number
  partition: CatalogPartition = nobody
  missing: 'NONE' | 'UNKNOWN_TOPIC_ID' | 'UNKNOWN_TOPIC_OR_PARTITION' = 'UNKNOWN_TOPIC_OR_PARTITION'
  offset = 0
  maxBytes = 0
  isolation: Isolation
  currentLeaderEpoch = -1
  lastFetchedEpoch = -1
  /** What the client of a session was last told; -1 makes the next answer say it again. */
  toldHighWatermark = -1
  toldLogStartOffset = -1
  watch: Watch | undefined = undefined

  constructor(topic: string, topicId: string, index: number, isolation: Isolation) {
    this.topic = topic
    this.topicId = topicId
    this.index = index
    this.isolation = isolation
  }

  /** Takes over what a request says about the partition. */
  want(request: FetchPartitionRequest): void {
    // An offset beyond 2^53 loses its last bits here, and is out of range with or without them.
    this.offset = Number(request.fetchOffset)
    this.maxBytes = request.partitionMaxBytes
    // Unlike elsewhere, any negative epoch is none here.
    this.currentLeaderEpoch = Math.max(-1, request.currentLeaderEpoch)
    this.lastFetchedEpoch = request.lastFetchedEpoch
  }

  /** Points to what the catalogue has under this name; says whether that is something else than before. */
  resolve(topic: CatalogTopic | undefined, byId: boolean): boolean {
    const before = this.missing === 'NONE' ? this.partition : undefined
    const found = topic?.partitions[this.index]
    if (found === undefined) {
      this.missing = topic === undefined && byId ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION'
      this.partition = nobody
    } else {
      this.missing = 'NONE'
      this.partition = found
    }
    return before !== found
  }
}

/** The topic that a fetch means, by whichever of name and id it uses. */
export function findTopic(
  snapshot: CatalogSnapshot,
  named: { readonly topic: string; readonly topicId: string },
  byId: boolean,
): CatalogTopic | undefined {
  return byId ? snapshot.topicsById.get(named.topicId) : snapshot.topics.get(named.topic)
}

/** As they stand in an answer. As in Kafka, what there is not comes last, of topics that there are behind all else. */
export function inOrderOfAnswer(partitions: readonly FetchPartition[]): readonly FetchPartition[] {
  if (partitions.every(({ missing }) => missing === 'NONE')) return partitions
  const are = (missing: FetchPartition['missing']) =>
    partitions.filter(partition => partition.missing === missing)
  return [...are('NONE'), ...are('UNKNOWN_TOPIC_ID'), ...are('UNKNOWN_TOPIC_OR_PARTITION')]
}

/** The partitions of a request without session, each once: as Kafka does, what is said of one last counts. */
export function wantedPartitions(
  topics: readonly FetchTopicRequest[],
  isolation: Isolation,
  snapshot: CatalogSnapshot,
  byId: boolean,
): FetchPartition[] {
  const partitions: FetchPartition[] = []
  const known = new Map<string, Map<number, FetchPartition>>()
  for (const topic of topics) {
    const found = findTopic(snapshot, topic, byId)
    const key = byId ? topic.topicId : topic.topic
    const ofTopic = known.get(key) ?? new Map<number, FetchPartition>()
    known.set(key, ofTopic)
    for (const wanted of topic.partitions) {
      let partition = ofTopic.get(wanted.partition)
      if (partition === undefined) {
        partition = new FetchPartition(topic.topic, topic.topicId, wanted.partition, isolation)
        partition.resolve(found, byId)
        ofTopic.set(wanted.partition, partition)
        partitions.push(partition)
      }
      partition.want(wanted)
    }
  }
  return partitions
}
