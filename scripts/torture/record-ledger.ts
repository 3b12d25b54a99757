/**
 * What the clients of a torture run were promised, and whether the broker kept it. Producers write down what they
 * sent and what was acknowledged, group members what was delivered and committed; a read-back holds that against
 * the whole log as somebody else reads it, record by record. Pure bookkeeping without a broker, so that its ability
 * to fail is tested like everything else (`record-ledger.test.ts`, `--plant`).
 *
 * A record is known by its producer and its sequence, which counts per producer and partition from 0 without
 * gaps; its value follows from both, so a damaged value is noticed. A producer whose send failed for good is
 * not used again: its unanswered records may be in the log or not, once.
 */

export interface ReadRecord {
  partition: number
  offset: number
  value: string
}

export type ViolationKind =
  | 'lost'
  | 'duplicated'
  | 'reordered'
  | 'moved'
  | 'damaged'
  | 'never sent'
  | 'offset gap'
  | 'delivered, then gone'
  | 'not delivered'
  | 'commit moved back'
  | 'sequence refused'
  | 'send failed'
  | 'undetected'
  | 'crashed'
  | 'acknowledged before its sync'
  | 'does not start'
  | 'id given twice'
  | 'wrong log start'
  | 'topic gone'
  | 'too slow'
  | 'not refused'
  | 'consumers stopped'
  | 'not healed'
  | 'not told'
  | 'not as documented'

export interface Violation {
  kind: ViolationKind
  text: string
}

/** Takes the whole log, each partition's records in order of their offsets. */
export interface ReadBackCheck {
  add(record: ReadRecord): void
  end(): ReadBackSummary
}

export interface ReadBackSummary {
  read: number
  acknowledged: number
  /** Records that are in the log although nobody was told so: answers that a crash swallowed. */
  unanswered: number
  violations: Violation[]
}

export interface PartitionPromise {
  highestAcknowledged: number
  committed: number
}

interface PartitionLedger extends PartitionPromise {
  /** How many records each producer has tried to send here. */
  sent: Map<string, number>
  /** Offset by `producer:sequence`. */
  acknowledged: Map<string, number>
  /** `producer:sequence` by offset, as group members saw it last, and the first offset that they saw it at. */
  delivered: Map<number, string>
  deliveredAt: Map<string, number>
  nextDelivery: number
  /** Records before it were deleted, as somebody wanted. */
  startOffset: number
}

export interface RecordLedger {
  /** The next record of a producer: to be sent, and counted as sent from now on. */
  send(producer: string, partition: number): { sequence: number; value: string }
  acknowledge(
    producer: string,
    partition: number,
    firstSequence: number,
    count: number,
    baseOffset: number,
  ): void
  deliver(record: ReadRecord): void
  /** A commit that the broker acknowledged. */
  committed(partition: number, offset: number): void
  /** Somebody had the records before this offset deleted: nobody misses them. */
  deletedBefore(partition: number, offset: number): void
  /**
   * What has been promised up to now, to be taken before asking a broker: more is promised while the answer is
   * on its way.
   */
  promises(): PartitionPromise[]
  /** The log end and the committed offset that a broker tells, against the promises from before the question. */
  checkLogEnd(promises: PartitionPromise[], partition: number, endOffset: number): void
  checkCommitted(promises: PartitionPromise[], partition: number, offset: number): void
  violate(kind: ViolationKind, text: string): void
  acknowledgedCount(): number
  deliveredCount(): number
  /** The offset behind the highest one that the group was given. */
  nextDelivery(partition: number): number
  committedCount(): number
  /** What was noticed so far, without reading everything back. */
  violations(): Violation[]
  beginReadBack(): ReadBackCheck
}

export function recordLedger(partitionCount: number): RecordLedger {
  const partitions: PartitionLedger[] = Array.from({ length: partitionCount }, () => ({
    sent: new Map(),
    acknowledged: new Map(),
    highestAcknowledged: -1,
    delivered: new Map(),
    deliveredAt: new Map(),
    nextDelivery: 0,
    startOffset: 0,
    committed: -1,
  }))
  const noticed: Violation[] = []
  let acknowledgedCount = 0
  let deliveredCount = 0
  let committedCount = 0
  const violate = (kind: ViolationKind, text: string) => noticed.push({ kind, text })

  return {
    send(producer, partition) {
      const { sent } = partitions[partition]!
      const sequence = sent.get(producer) ?? 0
      sent.set(producer, sequence + 1)
      return { sequence, value: recordValue(producer, partition, sequence) }
    },

    acknowledge(producer, partition, firstSequence, count, baseOffset) {
      const ledger = partitions[partition]!
      for (let index = 0; index < count; index++) {
        ledger.acknowledged.set(`${producer}:${firstSequence + index}`, baseOffset + index)
      }
      ledger.highestAcknowledged = Math.max(ledger.highestAcknowledged, baseOffset + count - 1)
      acknowledgedCount += count
    },

    deliver({ partition, offset, value }) {
      const ledger = partitions[partition]!
      const id = identify(partition, value)
      if (id === undefined) violate('damaged', `partition ${partition} offset ${offset}, as delivered`)
      else {
        // The same record may come again, but only as itself.
        const first = ledger.deliveredAt.get(id)
        if (first === undefined) ledger.deliveredAt.set(id, offset)
        else if (first !== offset) {
          violate('duplicated', `partition ${partition} offset ${offset}: ${id}, delivered from ${first} too`)
        }
      }
      if (offset > ledger.nextDelivery) {
        violate(
          'not delivered',
          `partition ${partition} offsets ${ledger.nextDelivery} to ${offset - 1} were skipped`,
        )
      }
      const before = ledger.delivered.get(offset)
      if (before !== undefined && before !== id) {
        violate('delivered, then gone', `partition ${partition} offset ${offset}: ${before}, then ${id}`)
      }
      ledger.nextDelivery = Math.max(ledger.nextDelivery, offset + 1)
      ledger.delivered.set(offset, id ?? value)
      deliveredCount++
    },

    committed(partition, offset) {
      const ledger = partitions[partition]!
      if (offset < ledger.committed) {
        const text = `partition ${partition}: ${offset} was acknowledged after ${ledger.committed}`
        violate('commit moved back', text)
      }
      ledger.committed = Math.max(ledger.committed, offset)
      committedCount++
    },

    deletedBefore(partition, offset) {
      const ledger = partitions[partition]!
      ledger.startOffset = offset
      ledger.nextDelivery = Math.max(ledger.nextDelivery, offset)
    },

    promises: () =>
      partitions.map(({ highestAcknowledged, committed }) => ({ highestAcknowledged, committed })),

    checkLogEnd(promises, partition, endOffset) {
      const { highestAcknowledged } = promises[partition]!
      if (endOffset > highestAcknowledged) return
      violate('lost', `partition ${partition} ends at ${endOffset}, acknowledged was ${highestAcknowledged}`)
    },

    checkCommitted(promises, partition, offset) {
      const { committed } = promises[partition]!
      if (offset >= committed) return
      violate('commit moved back', `partition ${partition}: ${offset} is committed, ${committed} was`)
    },

    violate,
    acknowledgedCount: () => acknowledgedCount,
    deliveredCount: () => deliveredCount,
    nextDelivery: partition => partitions[partition]!.nextDelivery,
    committedCount: () => committedCount,
    violations: () => [...noticed],

    beginReadBack() {
      const violations = [...noticed]
      const report = (kind: ViolationKind, text: string) => violations.push({ kind, text })
      const readers = partitions.map(({ startOffset }) => ({
        next: startOffset,
        seen: new Set<string>(),
        last: new Map<string, number>(),
      }))
      let read = 0
      let unanswered = 0
      return {
        add({ partition, offset, value }) {
          const ledger = partitions[partition]!
          const reader = readers[partition]!
          const where = `partition ${partition} offset ${offset}`
          read++
          if (offset !== reader.next) report('offset gap', `${where} follows ${reader.next - 1}`)
          reader.next = offset + 1
          const id = identify(partition, value)
          if (id === undefined) {
            report('damaged', where)
            return
          }
          const colon = id.lastIndexOf(':')
          const producer = id.slice(0, colon)
          const sequence = Number(id.slice(colon + 1))
          if (sequence >= (ledger.sent.get(producer) ?? 0)) report('never sent', `${where}: ${id}`)
          const acknowledgedAt = ledger.acknowledged.get(id)
          if (reader.seen.has(id)) report('duplicated', `${where}: ${id}`)
          else {
            if (sequence < (reader.last.get(producer) ?? -1)) report('reordered', `${where}: ${id}`)
            if (acknowledgedAt === undefined) unanswered++
            else if (acknowledgedAt !== offset) {
              report('moved', `${where}: ${id} was acknowledged at offset ${acknowledgedAt}`)
            }
          }
          reader.seen.add(id)
          reader.last.set(producer, Math.max(reader.last.get(producer) ?? -1, sequence))
          const delivered = ledger.delivered.get(offset)
          if (delivered !== undefined && delivered !== id) {
            report('delivered, then gone', `${where}: ${delivered} was delivered, ${id} is there`)
          }
        },

        end() {
          partitions.forEach(({ acknowledged, delivered, startOffset }, partition) => {
            const { seen, next } = readers[partition]!
            for (const [id, offset] of acknowledged) {
              if (!seen.has(id) && offset >= startOffset)
                report('lost', `partition ${partition} offset ${offset}: ${id}`)
            }
            for (const [offset, id] of delivered) {
              if (offset >= next)
                report('delivered, then gone', `partition ${partition} offset ${offset}: ${id}`)
            }
          })
          return { read, acknowledged: acknowledgedCount, unanswered, violations }
        },
      }
    },
  }
}

/** `partition:producer:sequence:` and padding whose length and content follow from them. */
function recordValue(producer: string, partition: number, sequence: number): string {
  const name = `${partition}:${producer}:${sequence}:`
  const size = 100 + ((sequence * 7919 + partition * 104_729) % 800)
  return name + String.fromCharCode(97 + (sequence % 26)).repeat(size)
}

/** `producer:sequence` of a value that is exactly what was sent to this partition. */
function identify(partition: number, value: string): string | undefined {
  const [ofPartition, producer, sequence] = value.split(':', 3)
  if (producer === undefined || sequence === undefined || ofPartition !== String(partition)) return undefined
  return value === recordValue(producer, partition, Number(sequence)) ? `${producer}:${sequence}` : undefined
}
