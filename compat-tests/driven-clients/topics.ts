/** What most tests of driven clients begin and end with: a topic that can be written, and all that it holds. */
import type { TestContext } from '../capability.ts'
import { eventually } from '../wait-for.ts'
import type { Subject } from './driven-client.ts'
import type { ConsumedRecord, Driver, RecordToProduce } from './driver.ts'

/** Kafka's error codes that the tests ask for. */
export const errorCodes = {
  NONE: 0,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  MESSAGE_TOO_LARGE: 10,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_TOPIC_EXCEPTION: 17,
  TOPIC_ALREADY_EXISTS: 36,
  INVALID_PARTITIONS: 37,
  INVALID_REPLICATION_FACTOR: 38,
  INVALID_CONFIG: 40,
  GROUP_ID_NOT_FOUND: 69,
} as const

/** Creates a topic and waits until every partition of it answers: Kafka tells of a topic before it serves it. */
export async function createTopic(
  context: TestContext,
  driver: Driver,
  label: string,
  partitions = 1,
  configs: Record<string, string> = {},
): Promise<string> {
  const name = context.uniqueName(label)
  const codes = await driver.call('createTopics', {
    topics: [{ name, partitions, configs }],
    validateOnly: false,
  })
  if (codes[name] !== errorCodes.NONE) throw new Error(`${name} was refused with ${codes[name]}`)
  await topicAnswers(driver, name, partitions)
  return name
}

export async function topicAnswers(driver: Driver, topic: string, partitions: number): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    await eventually(
      `partition ${partition} of ${topic} to answer`,
      () => driver.call('listOffset', { topic, partition, at: 'earliest' }).catch(() => -1),
      offset => offset === 0,
    )
  }
}

/** A topic that holds these values, one for each partition in turn. */
export async function filledTopic(
  context: TestContext,
  driver: Driver,
  label: string,
  values: string[],
  partitions = 1,
): Promise<string> {
  const topic = await createTopic(context, driver, label, partitions)
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  const records = values.map((value, index) => ({ value: Buffer.from(value), partition: index % partitions }))
  // Several batches, so that reading begins in the middle of something.
  for (let start = 0; start < records.length; start += 10 * partitions)
    await driver.call('produce', { topic, records: records.slice(start, start + 10 * partitions) })
  return topic
}

/** Reads the first `count` records of a topic from the beginning, by a reader of its own. */
export async function readTopic(
  subject: Subject,
  context: TestContext,
  topic: string,
  count: number,
  partitions = 1,
): Promise<ConsumedRecord[]> {
  const reader = subject.open(context)
  await reader.call('openConsumer', { topic, partitions: partitionsOf(partitions), start: 'earliest' })
  await reader.records.until(({ length }) => length >= count, `${count} records of ${topic}`)
  await reader.call('closeConsumer', {})
  await reader.kill9()
  return reader.records.items
}

export function partitionsOf(count: number): number[] {
  return Array.from({ length: count }, (_, partition) => partition)
}

export function numberedValues(count: number, label = 'value'): string[] {
  return Array.from({ length: count }, (_, index) => `${label}-${index}`)
}

export function valuesOnly(values: string[]): RecordToProduce[] {
  return values.map(value => ({ value: Buffer.from(value) }))
}

/** Bytes as this client hands them over. */
export function asTold(subject: Subject, content: Buffer | null): Buffer | null {
  return content?.length === 0 && subject.client.lacks['empty told from null'] !== undefined ? null : content
}
