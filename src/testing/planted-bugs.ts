/**
 * Bugs that a broker must not have, to be planted into a broker that runs in this process: a test that is said to
 * find them shows that it does. They are wrapped around the parts from outside; nothing in the broker knows of them.
 *
 * - `ack-before-write`: producers are answered at once, and their records written a moment later.
 * - `lost-commit`: every third batch of committed offsets is acknowledged, and never reaches the log.
 * - `skipped-sequence-check`: a batch that a producer sends again is appended again.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { offsetCommitKey } from '../../protocol-codecs/internal-topics/group-records.ts'
import { recordsOf } from '../../protocol-codecs/read-records.ts'
import { batchLastOffsetDelta } from '../../protocol-codecs/record-batch.ts'
import { LocalLogs } from '../storage/local/local-logs.ts'
import type { AppendItem, AppendResult, PartitionRef } from '../storage/partition-log.ts'
import { ProducerStates } from '../storage/producer-state.ts'

export const plantedBugs = ['ack-before-write', 'lost-commit', 'skipped-sequence-check'] as const
export type PlantedBug = (typeof plantedBugs)[number]

/** Has its effect on every broker that this process starts. */
export function plant(bug: PlantedBug): void {
  if (bug === 'ack-before-write') ackBeforeWrite()
  else if (bug === 'lost-commit') loseCommits()
  else ProducerStates.prototype.check = () => ({ kind: 'append' })
}

const writtenLateByMs = 30

function ackBeforeWrite(): void {
  const { append } = LocalLogs.prototype
  const promisedEnds = new Map<string, number>()
  /** What the log would have said. */
  const promise = (logs: LocalLogs, { batch, partition }: AppendItem): AppendResult => {
    const key = `${partition.topicId}-${partition.index}`
    const baseOffset = promisedEnds.get(key) ?? logs.offsets(partition).logEndOffset
    promisedEnds.set(key, baseOffset + batchLastOffsetDelta(batch, 0) + 1)
    return appendedAt(baseOffset, batch)
  }
  LocalLogs.prototype.append = function (items, durability) {
    if (items.some(({ origin }) => origin !== 'client')) return append.call(this, items, durability)
    const results = items.map(item => promise(this, item))
    const copies = items.map(item => ({ ...item, batch: Buffer.from(item.batch) }))
    void delay(writtenLateByMs).then(() => append.call(this, copies, durability))
    return results
  }
}

/** One batch of so many. */
const lostOneOf = 3

function loseCommits(): void {
  const { append } = LocalLogs.prototype
  let count = 0
  LocalLogs.prototype.append = function (items, durability) {
    const isLost = items.every(isOfCommits) && ++count % lostOneOf === 0
    if (!isLost) return append.call(this, items, durability)
    const end = (partition: PartitionRef) => this.offsets(partition).logEndOffset
    return items.map(({ batch, partition }) => appendedAt(end(partition), batch))
  }
}

function isOfCommits({ batch, origin }: AppendItem): boolean {
  if (origin !== 'coordinator') return false
  for (const { key } of recordsOf(batch, 0)) if (key?.readInt16BE(0) !== offsetCommitKey.apiKey) return false
  return true
}

function appendedAt(baseOffset: number, batch: Buffer): AppendResult {
  const nextOffset = baseOffset + batchLastOffsetDelta(batch, 0) + 1
  return { error: 'NONE', baseOffset, nextOffset, appendTimeMs: -1, logStartOffset: 0, duplicate: false }
}
