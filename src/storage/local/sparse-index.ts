/**
 * A segment's two sparse indexes, in memory while the segment is open and on disk in Kafka's form.
 *
 *     .index      8 bytes an entry: int32 offset relative to the base, int32 position in the .log
 *     .timeindex  12 bytes an entry: int64 timestamp, int32 offset relative to the base
 *
 * An offset entry names a batch by its last offset and its first byte. A time entry says that no
 * record up to that offset is younger than the timestamp. Both ascend strictly, so they are searched
 * by halves. Entries since the last write to disk are only in memory: after a crash they are rebuilt
 * from the log. Kafka preallocates index files, so zeroes at the end of one are padding; anything else
 * that does not ascend is damage.
 */

export interface OffsetEntry {
  readonly relativeOffset: number
  readonly position: number
}

export interface OffsetIndex {
  readonly count: number
  /** What was stored is not an index: it must be rebuilt from the log. */
  readonly isDamaged: boolean
  last(): OffsetEntry | undefined
  /** Position of the last entry at or below `relativeOffset`; 0 when there is none. */
  positionBefore(relativeOffset: number): number
  entryAtOrBelow(relativeOffset: number): OffsetEntry | undefined
  append(relativeOffset: number, position: number): void
  /** Forgets entries at or above `relativeOffset`. */
  truncate(relativeOffset: number): void
  /** The entries from number `from` on, as the file holds them. */
  bytes(from: number): Buffer
}

export const offsetEntrySize = 8
export const timeEntrySize = 12

export function offsetIndex(stored?: Buffer): OffsetIndex {
  let offsets = new Int32Array(16)
  let positions = new Int32Array(16)
  let count = 0
  let isDamaged = false

  function append(relativeOffset: number, position: number): void {
    if (count === offsets.length) {
      offsets = grown(offsets)
      positions = grown(positions)
    }
    offsets[count] = relativeOffset
    positions[count++] = position
  }

  if (stored !== undefined) {
    let at = 0
    for (; at + offsetEntrySize <= stored.length; at += offsetEntrySize) {
      const offset = stored.readInt32BE(at)
      const position = stored.readInt32BE(at + 4)
      // No entry names the first batch, so a position is never 0.
      if (offset < 0 || position <= 0) break
      if (count > 0 && (offset <= offsets[count - 1]! || position <= positions[count - 1]!)) break
      append(offset, position)
    }
    isDamaged = stored.length % offsetEntrySize !== 0 || !isPadding(stored, at)
  }

  return {
    get count() {
      return count
    },
    isDamaged,
    last() {
      return count === 0
        ? undefined
        : { relativeOffset: offsets[count - 1]!, position: positions[count - 1]! }
    },
    positionBefore(relativeOffset) {
      const index = lastAtOrBelow(offsets, count, relativeOffset)
      return index < 0 ? 0 : positions[index]!
    },
    entryAtOrBelow(relativeOffset) {
      const index = lastAtOrBelow(offsets, count, relativeOffset)
      return index < 0 ? undefined : { relativeOffset: offsets[index]!, position: positions[index]! }
    },
    append,
    truncate(relativeOffset) {
      count = lastAtOrBelow(offsets, count, relativeOffset - 1) + 1
    },
    bytes(from) {
      const bytes = Buffer.allocUnsafe((count - from) * offsetEntrySize)
      for (let i = from, at = 0; i < count; i++, at += offsetEntrySize) {
        bytes.writeInt32BE(offsets[i]!, at)
        bytes.writeInt32BE(positions[i]!, at + 4)
      }
      return bytes
    },
  }
}

export interface TimeEntry {
  readonly timestampMs: number
  readonly relativeOffset: number
}

export interface TimeIndex {
  readonly count: number
  readonly isDamaged: boolean
  /** The first entry whose timestamp is `timestampMs` or more. */
  firstAtOrAbove(timestampMs: number): TimeEntry | undefined
  /** The last entry whose timestamp is less than that. */
  lastBelow(timestampMs: number): TimeEntry | undefined
  last(): TimeEntry | undefined
  /** The last entry at or below an offset. */
  entryUpTo(relativeOffset: number): TimeEntry | undefined
  /** Adds an entry unless it would not ascend. */
  append(timestampMs: number, relativeOffset: number): void
  truncate(relativeOffset: number): void
  bytes(from: number): Buffer
}

export function timeIndex(stored?: Buffer): TimeIndex {
  let timestamps = new Float64Array(16)
  let offsets = new Int32Array(16)
  let count = 0
  let isDamaged = false

  function append(timestampMs: number, relativeOffset: number): void {
    if (count > 0 && (timestampMs <= timestamps[count - 1]! || relativeOffset <= offsets[count - 1]!)) return
    if (count === timestamps.length) {
      timestamps = grown(timestamps)
      offsets = grown(offsets)
    }
    timestamps[count] = timestampMs
    offsets[count++] = relativeOffset
  }

  function entry(index: number): TimeEntry | undefined {
    if (index < 0 || index >= count) return undefined
    return { timestampMs: timestamps[index]!, relativeOffset: offsets[index]! }
  }

  if (stored !== undefined) {
    let at = 0
    for (; at + timeEntrySize <= stored.length; at += timeEntrySize) {
      const timestampMs = Number(stored.readBigInt64BE(at))
      const offset = stored.readInt32BE(at + 8)
      // Zeroes alone are padding; as a first entry before others they are a record of 1970.
      if (
        timestampMs < 0 ||
        offset < 0 ||
        (count === 0 && stored.length > timeEntrySize && isPadding(stored, at))
      )
        break
      const before = count
      append(timestampMs, offset)
      if (count === before) break
    }
    isDamaged = stored.length % timeEntrySize !== 0 || !isPadding(stored, at)
  }

  return {
    get count() {
      return count
    },
    isDamaged,
    firstAtOrAbove: timestampMs => entry(lastAtOrBelow(timestamps, count, timestampMs - 1) + 1),
    lastBelow: timestampMs => entry(lastAtOrBelow(timestamps, count, timestampMs - 1)),
    last: () => entry(count - 1),
    entryUpTo: relativeOffset => entry(lastAtOrBelow(offsets, count, relativeOffset)),
    append,
    truncate(relativeOffset) {
      count = lastAtOrBelow(offsets, count, relativeOffset - 1) + 1
    },
    bytes(from) {
      const bytes = Buffer.allocUnsafe((count - from) * timeEntrySize)
      for (let i = from, at = 0; i < count; i++, at += timeEntrySize) {
        bytes.writeBigInt64BE(BigInt(timestamps[i]!), at)
        bytes.writeInt32BE(offsets[i]!, at + 8)
      }
      return bytes
    },
  }
}

/** Whether only zeroes are left from `at` on. */
function isPadding(stored: Buffer, at: number): boolean {
  for (let i = at; i < stored.length; i++) if (stored[i] !== 0) return false
  return true
}

function grown<T extends Int32Array | Float64Array>(array: T): T {
  const larger = new (array.constructor as { new (length: number): T })(array.length * 2)
  larger.set(array as never)
  return larger
}

/** Index of the last of `count` ascending values that is at or below `limit`; -1 when none is. */
function lastAtOrBelow(values: Int32Array | Float64Array, count: number, limit: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! <= limit) low = middle + 1
    else high = middle
  }
  return low - 1
}
