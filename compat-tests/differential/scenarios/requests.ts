/** Requests as scenarios are made of: what most of them need, in one line each. */
import type { RequestOf } from '../apis.ts'
import {
  awaitThat,
  batch,
  named,
  type SendOptions,
  type Step,
  send,
  since,
  topicId,
  until,
} from '../scenario.ts'

export const timeoutMs = 10_000
/** The time of all records: the same for both brokers, and not one that retention would take them for. */
export const recordTime = Date.now()
/** Records in which every client's batches are stored and read as they are. */
export const modern = { Produce: '3+', Fetch: '4+' } as const

// biome-ignore lint/suspicious/noExplicitAny: values that may stand for others
type Any = any

export function newTopic(name: Any, rest: Record<string, unknown> = {}): Any {
  return { name, numPartitions: 1, replicationFactor: 1, ...rest }
}

/** Creates what a scenario is not about: in one version, and an old one, whose answer says little. */
export function withTopic(label: string, numPartitions = 1, configs: Record<string, string> = {}): Step {
  const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
  const topics = [newTopic(named(label), { numPartitions, configs: entries })]
  return send('CreateTopics', { topics, timeoutMs }, { at: 4, as: `with topic ${label}` })
}

/** The topic as Produce and Fetch name it. */
export function topicOfRecords(field: 'name' | 'topic', label: string): Any {
  return { [field]: until(12, named(label)), topicId: since(13, topicId(label)) }
}

/** The topics of a DeleteTopics request, by name. */
export function topicsToDelete(...names: Any[]): RequestOf<'DeleteTopics'> {
  return {
    topicNames: until(5, names),
    topics: since(
      6,
      names.map(name => ({ name })),
    ),
    timeoutMs,
  }
}

export function record(value: string | null, rest: Record<string, unknown> = {}): Any {
  return { key: null, value: value === null ? null : Buffer.from(value), timestamp: recordTime, ...rest }
}

export function oneRecord(value = 'a record'): Any {
  return batch({ records: [record(value)] })
}

/** Waits until it is seen that the topic is there, or gone. */
export const there = (label: string): Step => metadataSays(label, 0)
export const gone = (label: string): Step => metadataSays(label, 3)

function metadataSays(label: string, errorCode: number): Step {
  const request = { topics: [{ name: named(label) }], allowAutoTopicCreation: false }
  return awaitThat('Metadata', 4, request, ['topics', 0, 'errorCode'], errorCode)
}

export function produceTo(
  label: string,
  records: Any,
  options: SendOptions & { index?: number; acks?: number } = {},
): Step {
  const { index = 0, acks = -1, ...rest } = options
  const partitionData = [{ index, records }]
  return send(
    'Produce',
    { acks, timeoutMs, topicData: [{ ...topicOfRecords('name', label), partitionData }] },
    rest,
  )
}

/** Appends what a scenario is not about: so many batches of one record each. */
export function withRecords(label: string, count: number, index = 0): Step[] {
  return Array.from({ length: count }, (_, at) =>
    produceTo(label, oneRecord(`record ${at}`), {
      at: 7,
      as: `with record ${at} of ${label}-${index}`,
      index,
    }),
  )
}

export function fetchPartition(rest: Record<string, unknown> = {}): Any {
  return { partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000_000, ...rest }
}

export function fetchFrom(
  label: string,
  partitions: Any[] = [fetchPartition()],
  rest: Partial<RequestOf<'Fetch'>> = {},
  options: SendOptions = {},
): Step {
  const topics = [{ ...topicOfRecords('topic', label), partitions }]
  return send('Fetch', { maxWaitMs: 0, minBytes: 1, ...rest, topics }, options)
}

export function listOffsets(
  label: string,
  partitions: Any[],
  rest: Partial<RequestOf<'ListOffsets'>> = {},
  options: SendOptions = {},
): Step {
  return send(
    'ListOffsets',
    { replicaId: -1, ...rest, topics: [{ name: named(label), partitions }] },
    options,
  )
}
