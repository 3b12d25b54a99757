/**
 * What a start may find at each place of a recording, as the promises have it: kept up while a recording is played,
 * from the first event to the last.
 */
import { type PromisedBatch, type PromisedTopic, type Promises, placesOf } from './promises.ts'
import type { RecordedEvent } from './recording.ts'

export interface ExpectedLog {
  readonly topic: string
  readonly partition: number
  /** All that was ever produced, by offset; what was not acknowledged by then may be there or not. */
  readonly values: readonly string[]
  /** In the order of their offsets. */
  readonly batches: readonly PromisedBatch[]
  readonly acknowledgedEnd: number
  readonly earliestStart: number
  readonly latestStart: number
}

export interface Expected {
  readonly topics: readonly { readonly name: string; readonly isCertain: boolean }[]
  readonly deletedTopics: readonly string[]
  readonly logs: readonly ExpectedLog[]
  /** By group and `<topic>-<partition>`. */
  readonly commits: ReadonlyMap<string, ReadonlyMap<string, { atLeast: number; atMost: number }>>
  readonly producerId: number
}

interface LogState {
  readonly topic: PromisedTopic
  readonly partition: number
  readonly values: string[]
  readonly batches: PromisedBatch[]
  acknowledgedEnd: number
  earliestStart: number
}

const logStartName = 'log-start-offset-checkpoint'

export class Expectations {
  private readonly promises: Promises
  private readonly logs: LogState[][]
  /** What was promised, ascending by place, and how far that was taken in. */
  private readonly promised: { readonly place: number; keep(): void }[]
  private next = 0
  private readonly placeOf: ReturnType<typeof placesOf>
  private readonly commits = new Map<string, Map<string, { atLeast: number; atMost: number }>>()
  private producerId = -1
  /** Where the broker has begun to say that logs start, by `<topic>-<partition>`. */
  private readonly storedStarts = new Map<string, number>()
  private readonly startFiles = new Set<number>()

  constructor(events: readonly RecordedEvent[], promises: Promises) {
    this.promises = promises
    this.placeOf = placesOf(events)
    this.logs = promises.topics.map(topic =>
      Array.from({ length: topic.partitionCount }, (_, partition) => ({
        topic,
        partition,
        values: [],
        batches: [],
        acknowledgedEnd: 0,
        earliestStart: 0,
      })),
    )
    for (const batch of [...promises.batches].sort((a, b) => a.baseOffset - b.baseOffset)) {
      const log = this.logs[batch.topic]![batch.partition]!
      if (log.values.length !== batch.baseOffset) {
        throw new Error(
          `${log.topic.name}-${batch.partition}: offset ${batch.baseOffset} after ${log.values.length}`,
        )
      }
      log.values.push(...batch.values)
      log.batches.push(batch)
    }
    this.promised = this.inOrder()
  }

  private inOrder() {
    const { promises, placeOf, logs, commits } = this
    const promised: { place: number; keep(): void }[] = []
    for (const { topic, partition, baseOffset, values, answered } of promises.batches) {
      const log = logs[topic]![partition]!
      promised.push({
        place: placeOf(answered),
        keep: () => {
          log.acknowledgedEnd = Math.max(log.acknowledgedEnd, baseOffset + values.length)
        },
      })
    }
    for (const { topic, partition, offset, answered } of promises.deletions) {
      const log = logs[topic]![partition]!
      promised.push({
        place: placeOf(answered),
        keep: () => {
          log.earliestStart = Math.max(log.earliestStart, offset)
        },
      })
    }
    for (const { group, topic, partition, offset, answered } of promises.commits) {
      const key = `${promises.topics[topic]!.name}-${partition}`
      const ofGroup = commits.get(group) ?? new Map<string, { atLeast: number; atMost: number }>()
      commits.set(group, ofGroup)
      const bounds = ofGroup.get(key) ?? { atLeast: -1, atMost: -1 }
      ofGroup.set(key, bounds)
      bounds.atMost = Math.max(bounds.atMost, offset)
      promised.push({
        place: placeOf(answered),
        keep: () => {
          bounds.atLeast = Math.max(bounds.atLeast, offset)
        },
      })
    }
    for (const { producerId, answered } of promises.producerIds) {
      promised.push({
        place: placeOf(answered),
        keep: () => {
          this.producerId = Math.max(this.producerId, producerId)
        },
      })
    }
    return promised.sort((a, b) => a.place - b.place)
  }

  /** Takes in the next event, whose number this is. */
  passed(place: number, event: RecordedEvent): void {
    for (; this.promised[this.next] !== undefined && this.promised[this.next]!.place <= place; this.next++) {
      this.promised[this.next]!.keep()
    }
    if (event.type === 'link' && event.name.startsWith(logStartName)) this.startFiles.add(event.node)
    if (event.type !== 'write' || !this.startFiles.has(event.node)) return
    for (const line of String(event.bytes).split('\n').slice(2)) {
      const [topic, partition, offset] = line.split(' ')
      if (offset !== undefined) this.storedStarts.set(`${topic}-${partition}`, Number(offset))
    }
  }

  /** What a start may find if the last event was the one with this number. */
  at(place: number): Expected {
    const { promises, placeOf } = this
    const topics: { name: string; isCertain: boolean }[] = []
    const logs: ExpectedLog[] = []
    const deletedTopics = new Set<string>()
    for (const [index, topic] of promises.topics.entries()) {
      if (placeOf(topic.created) > place) continue
      const { deletion } = topic
      if (deletion !== undefined && placeOf(deletion.done) <= place) {
        deletedTopics.add(topic.name)
        continue
      }
      const isCertain = deletion === undefined || placeOf(deletion.after) > place
      topics.push({ name: topic.name, isCertain })
      deletedTopics.delete(topic.name)
      for (const { partition, values, batches, acknowledgedEnd, earliestStart } of this.logs[index]!) {
        const latestStart = this.storedStarts.get(`${topic.name}-${partition}`) ?? 0
        const { name } = topic
        logs.push({ topic: name, partition, values, batches, acknowledgedEnd, earliestStart, latestStart })
      }
    }
    // One whose creation is under way may be there already, but without a record.
    for (const { name, partitionCount, created } of promises.topics) {
      if (!deletedTopics.has(name) || placeOf(created) <= place) continue
      deletedTopics.delete(name)
      const empty = { values: [], batches: [], acknowledgedEnd: 0, earliestStart: 0, latestStart: 0 }
      for (let partition = 0; partition < partitionCount; partition++)
        logs.push({ topic: name, partition, ...empty })
    }
    const commits = new Map([...this.commits].map(([group, ofGroup]) => [group, copyOf(ofGroup)]))
    return { topics, deletedTopics: [...deletedTopics], logs, commits, producerId: this.producerId }
  }
}

const copyOf = (bounds: Map<string, { atLeast: number; atMost: number }>) =>
  new Map([...bounds].map(([key, value]) => [key, { ...value }]))
