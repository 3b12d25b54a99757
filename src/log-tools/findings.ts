/**
 * What verify finds, and what repair would do about it. `damage` means that something is not as it was written, or
 * cannot be told to be; a `note` is what a crash leaves and the next start of a broker puts in order by itself, or
 * what is only worth knowing.
 */

export type FindingKind =
  /** The file ends in the middle of a batch, or in what is no batch. */
  | 'cut off'
  /** Bytes that are no batch, with batches behind them. */
  | 'debris'
  | 'checksum'
  /** Length or magic, which the checksum does not cover, are damaged; the batch is whole. */
  | 'header'
  /** A base offset that contradicts its neighbours. */
  | 'base offset'
  /** Offsets that are nowhere. */
  | 'gap'
  | 'leader epoch'
  | 'records'
  | 'index'
  | 'snapshot'
  | 'checkpoint'
  | 'properties'
  | 'catalogue'
  | 'journal'
  | 'leftover'

export interface Finding {
  readonly severity: 'damage' | 'note'
  readonly kind: FindingKind
  readonly path: string
  /** Byte in the file. */
  readonly position?: number
  /** What is wrong and what it means, as a sentence without its full stop. */
  readonly message: string
  /** undefined: nothing can be done without inventing data, or nothing has to be. */
  readonly remedy?: Remedy
}

interface LostOffsets {
  /** The first offset that is lost with it, and the first behind; the same where none is known to be. */
  readonly fromOffset: number
  readonly nextOffset: number
}

export type Remedy =
  /** Writes the fields that the checksum does not cover as they must have been. */
  | { readonly type: 'restamp'; readonly position: number; readonly prefix: Buffer; readonly before: Buffer }
  /** Cuts the file off. */
  | ({ readonly type: 'cut'; readonly position: number; readonly size: number } & LostOffsets)
  /** Takes a stretch out: what lies behind it becomes a segment of its own. */
  | ({ readonly type: 'take out'; readonly position: number; readonly size: number } & LostOffsets)
  /** Notes that offsets are lost, so that they are not missed again. */
  | ({ readonly type: 'note loss' } & LostOffsets)
  /** Has the engine make indexes, snapshots and the history of epochs anew from the log. */
  | { readonly type: 'rebuild' }
  /** Moves the file away; the next start does without it. */
  | { readonly type: 'set aside' }
  /** Writes partition.metadata anew. */
  | { readonly type: 'name owner'; readonly topicId: string }

/** In the words of a dry run: "would ...". */
export function remedyText(remedy: Remedy): string {
  switch (remedy.type) {
    case 'restamp':
      return 'correct the header'
    case 'cut':
      return `cut off ${remedy.size} bytes (kept in set-aside)`
    case 'take out':
      return `take out ${remedy.size} bytes (kept in set-aside); what follows, from offset ${remedy.nextOffset}, becomes a segment of its own`
    case 'note loss':
      return 'note in set-aside that these offsets are lost, so that they are not missed again'
    case 'rebuild':
      return 'make it anew from the log'
    case 'set aside':
      return 'move it aside'
    case 'name owner':
      return `write the topic's id into it, ${remedy.topicId}, as the catalogue has it`
  }
}

/** What was read of a partition, or of all. */
export interface Counts {
  segments: number
  batches: number
  records: number
  bytes: number
}

export const noCounts = (): Counts => ({ segments: 0, batches: 0, records: 0, bytes: 0 })

export function addCounts(sum: Counts, more: Counts): void {
  sum.segments += more.segments
  sum.batches += more.batches
  sum.records += more.records
  sum.bytes += more.bytes
}
