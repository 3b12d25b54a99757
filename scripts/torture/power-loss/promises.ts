/**
 * What clients were promised during a recorded run, and at which place of the recording: the number of the mark with
 * which the broker let the answer go. The broker never fails in that run, so in the end all that was sent has its
 * offset, and the whole of every log is known.
 */
import type { AnswerEnd } from './marked-client.ts'
import type { RecordedEvent } from './recording.ts'

/** A topic from its creation to its deletion; names come again. */
export interface PromisedTopic {
  readonly name: string
  readonly partitionCount: number
  /** How many topics of that name there were before. */
  readonly incarnation: number
  readonly created: AnswerEnd
  /** Somebody has asked for its deletion: the answer before that, and the answer to it. */
  deletion?: { readonly after: AnswerEnd; readonly done: AnswerEnd }
}

export interface PromisedBatch {
  /** Its place in `Promises.topics`. */
  readonly topic: number
  readonly partition: number
  readonly producerId: number
  readonly baseSequence: number
  readonly values: readonly string[]
  readonly baseOffset: number
  readonly answered: AnswerEnd
}

export interface Promises {
  readonly topics: PromisedTopic[]
  readonly batches: PromisedBatch[]
  readonly commits: {
    readonly group: string
    readonly topic: number
    readonly partition: number
    readonly offset: number
    readonly answered: AnswerEnd
  }[]
  readonly deletions: {
    readonly topic: number
    readonly partition: number
    readonly offset: number
    readonly answered: AnswerEnd
  }[]
  readonly producerIds: { readonly producerId: number; readonly answered: AnswerEnd }[]
}

export const noPromises = (): Promises => ({
  topics: [],
  batches: [],
  commits: [],
  deletions: [],
  producerIds: [],
})

/** Tells at which place an answer was let go. */
export function placesOf(events: readonly RecordedEvent[]): (answer: AnswerEnd) => number {
  const marks = new Map<number, { bytes: number; place: number }[]>()
  for (const [place, event] of events.entries()) {
    if (event.type !== 'sent') continue
    const ofPort = marks.get(event.port)
    if (ofPort === undefined) marks.set(event.port, [{ bytes: event.bytes, place }])
    else ofPort.push({ bytes: event.bytes, place })
  }
  return ({ port, bytes }) => {
    const ofPort = marks.get(port) ?? []
    let low = 0
    let high = ofPort.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (ofPort[middle]!.bytes < bytes) low = middle + 1
      else high = middle
    }
    const mark = ofPort[low]
    if (mark === undefined) throw new Error(`no mark for byte ${bytes} to port ${port}`)
    return mark.place
  }
}
