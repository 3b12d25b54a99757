/**
 * Holds a recording against the promises: no batch was acknowledged before it was on disk. On disk is a batch that was
 * written to its log's file or, as part of an entry, to the journal, when a sync of that file has ended that began
 * after the write, and syncs of the directories have ended that began after the names of the file and of its
 * directory were given. Nothing of the broker is asked; the recording says it all.
 */
import { recordsOf } from '../../../protocol-codecs/read-records.ts'
import { batchBaseOffset, batchesIn } from '../../../protocol-codecs/record-batch.ts'
import type { Violation } from '../record-ledger.ts'
import { type Promises, placesOf } from './promises.ts'
import type { RecordedEvent } from './recording.ts'

interface Waiting {
  readonly place: number
  readonly synced: (place: number) => void
}

/** A name, or a stretch of bytes, and the place from which on it is safe. */
interface Safe {
  from: number
}

const rootNode = 0
const journalName = '__journal-0'

export function findEarlyAnswers(events: readonly RecordedEvent[], promises: Promises): Violation[] {
  /** By node: what is safe when a sync of it ends. */
  const waiting = new Map<number, Waiting[]>()
  const syncStarts = new Map<number, number>()
  /** The name in its directory, by node. */
  const nameOf = new Map<number, { name: string; directory: number; safe: Safe }>()
  /** How often a directory of that name was made. */
  const incarnations = new Map<string, number>()
  const incarnationOf = new Map<number, string>()
  /** Batches by where they belong: for each the moments from which on it is safe, in one place or the other. */
  const batches = new Map<string, Safe[][]>()
  /** By incarnation of a partition's directory. */
  const topicIds = new Map<string, string>()

  function whenSynced(node: number, place: number): Safe {
    const safe = { from: Number.POSITIVE_INFINITY }
    const synced = (from: number): void => {
      safe.from = from
    }
    const ofNode = waiting.get(node)
    if (ofNode === undefined) waiting.set(node, [{ place, synced }])
    else ofNode.push({ place, synced })
    return safe
  }

  function noteBatch(key: string, offset: number, safe: Safe[]): void {
    const id = `${key}@${offset}`
    const ways = batches.get(id)
    if (ways === undefined) batches.set(id, [safe])
    else ways.push(safe)
  }

  for (const [place, event] of events.entries()) {
    if (event.type === 'link') {
      const safe = whenSynced(event.directory, place)
      nameOf.set(event.node, { name: event.name, directory: event.directory, safe })
      if (event.directory === rootNode && event.isDirectory) {
        const count = incarnations.get(event.name) ?? 0
        incarnations.set(event.name, count + 1)
        incarnationOf.set(event.node, `${event.name}#${count}`)
      }
    } else if (event.type === 'write') {
      const file = nameOf.get(event.node)
      const directory = file === undefined ? undefined : nameOf.get(file.directory)
      if (file === undefined || directory === undefined) continue
      if (file.name.startsWith('partition.metadata')) {
        topicIds.set(incarnationOf.get(file.directory)!, /topic_id: (\S+)/.exec(String(event.bytes))![1]!)
      }
      if (!file.name.endsWith('.log')) continue
      const safe = [whenSynced(event.node, place), file.safe, directory.safe]
      if (directory.name !== journalName) {
        for (const at of batchesIn(event.bytes)) {
          noteBatch(incarnationOf.get(file.directory)!, batchBaseOffset(event.bytes, at), safe)
        }
      } else {
        // A record for each log, named by its topic's id and the partition: batches as they lie there.
        for (const { key, value } of recordsOf(event.bytes, 0)) {
          for (const at of batchesIn(value!)) noteBatch(String(key), batchBaseOffset(value!, at), safe)
        }
      }
    } else if (event.type === 'syncing') {
      syncStarts.set(event.sync, place)
    } else if (event.type === 'synced') {
      const start = syncStarts.get(event.sync)!
      const ofNode = waiting.get(event.node) ?? []
      for (const entry of ofNode) if (entry.place < start) entry.synced(place)
      waiting.set(
        event.node,
        ofNode.filter(entry => entry.place >= start),
      )
    }
  }

  const placeOf = placesOf(events)
  const violations: Violation[] = []
  for (const batch of promises.batches) {
    const topic = promises.topics[batch.topic]!
    const directory = `${topic.name}-${batch.partition}#${topic.incarnation}`
    const answeredAt = placeOf(batch.answered)
    const keyInJournal = `${topicIds.get(directory)}:${batch.partition}`
    const ways = [directory, keyInJournal].flatMap(key => batches.get(`${key}@${batch.baseOffset}`) ?? [])
    const safeFrom = Math.min(...ways.map(parts => Math.max(...parts.map(({ from }) => from))))
    if (safeFrom < answeredAt) continue
    const text = `${directory} offset ${batch.baseOffset}: answered at ${answeredAt}, on disk ${
      Number.isFinite(safeFrom) ? `at ${safeFrom}` : 'never'
    }`
    violations.push({ kind: 'acknowledged before its sync', text })
  }
  return violations
}
