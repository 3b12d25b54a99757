/**
 * Judges batches by their neighbours. Base offset, leader epoch, length and magic lie outside the checksum, so a
 * flipped bit there shows only in what comes before and behind: offsets follow each other without overlap (and, where
 * nothing was compacted, without a gap), epochs never go down and are those of the log's history.
 *
 * Each batch is judged when the next one is known. What it must have been is said only where both sides leave one
 * possibility: then the batch, whose checksum is right, can be restored without inventing anything.
 */
import {
  batchBaseOffset,
  batchField,
  batchLastOffsetDelta,
  batchLeaderEpoch,
  stampBatch,
} from '../../protocol-codecs/record-batch.ts'
import type { Finding, FindingKind, Remedy } from './findings.ts'

/** A whole or broken batch, or debris; what the judge keeps of it until the next one comes. */
export interface Piece {
  readonly kind: 'whole' | 'broken' | 'debris'
  readonly path: string
  readonly position: number
  readonly size: number
  /** The fields outside the checksum, as on disk; empty for debris that nothing can be made of. */
  readonly before: Buffer
  /** The same with the length and magic that it must have had. */
  readonly prefix: Buffer
  /** Offsets between its first and its last. */
  readonly lastOffsetDelta: number
  /** What the walk says is wrong with it. */
  readonly problem: string | undefined
  /** The file ends with it, and nothing is appended behind: a write may have been interrupted. */
  readonly isAtEnd: boolean
}

export interface Neighbour {
  readonly baseOffset: number
  readonly leaderEpoch: number | undefined
}

export interface OrderOptions {
  readonly mayHaveGaps: boolean
  /** The epoch that the log's history has for an offset; undefined: there is no history. */
  epochAt(offset: number): number | undefined
  /** The largest epoch that there can be. */
  readonly lastEpoch: number
  /** Why offsets may be missing; undefined: no reason is known. */
  gapIsKnown(from: number, to: number): string | undefined
  /** Whether a broken end is what a crash leaves, when the log's sound part ends at `offset`. */
  mayBeTorn(offset: number): boolean
}

/** Bytes up to the end of the magic, all of which but the checksum's field may be damaged without notice. */
export const prefixSize = batchField.magic + 1

/** What came of a piece. */
export interface Judged {
  readonly findings: readonly Finding[]
  /** undefined: what it held is not known. */
  readonly batch: { readonly baseOffset: number; readonly lastOffset: number } | undefined
  /** Behind it. */
  readonly nextOffset: number
}

export class BatchOrder {
  /** What the next batch's base offset must be; undefined: the first may begin anywhere. */
  expected: number | undefined
  private epoch = -1
  private readonly options: OrderOptions

  constructor(options: OrderOptions) {
    this.options = options
  }

  judge(piece: Piece, next: Neighbour | undefined): Judged {
    const judged = piece.kind === 'whole' ? this.judgeWhole(piece, next) : this.judgeLost(piece, next)
    this.expected = judged.nextOffset
    return judged
  }

  /** Offsets between two segments. */
  *enterSegment(path: string, baseOffset: number): Iterable<Finding> {
    const { expected } = this
    this.expected = baseOffset
    if (expected === undefined || baseOffset === expected) return
    if (baseOffset > expected) yield* this.gap(path, 0, expected, baseOffset)
    else {
      const message = `the segment begins at offset ${baseOffset}, and the one before it ends behind ${expected - 1}; the next start after a crash cuts the log off here`
      yield { severity: 'damage', kind: 'base offset', path, position: 0, message }
    }
  }

  private judgeLost(piece: Piece, next: Neighbour | undefined): Judged {
    const { path, position, size, problem, isAtEnd } = piece
    const from = this.expected ?? 0
    const to = Math.max(from, next?.baseOffset ?? from)
    const lost = to > from ? `; offsets ${from} to ${to - 1} are lost` : ''
    const isTorn = isAtEnd && this.options.mayBeTorn(from)
    const remedy = lossOf(piece, from, to)
    const about = { path, position, remedy } as const
    const finding: Finding = isTorn
      ? {
          severity: 'note',
          kind: 'cut off',
          ...about,
          message: `the batch here ${problem}: a write that was interrupted, ${size} bytes; the next start cuts it off`,
        }
      : {
          severity: 'damage',
          kind: piece.kind === 'broken' ? 'checksum' : isAtEnd ? 'cut off' : 'debris',
          ...about,
          message: `the batch here ${problem}; ${size} bytes cannot be used${lost}`,
        }
    return { findings: [finding], batch: undefined, nextOffset: to }
  }

  private judgeWhole(piece: Piece, next: Neighbour | undefined): Judged {
    const { prefix, lastOffsetDelta, problem } = piece
    const findings: Finding[] = []
    const problems: { kind: FindingKind; text: string }[] = []
    if (problem !== undefined)
      problems.push({ kind: 'header', text: `the batch here ${problem}, but its checksum is right` })
    const found = baseOffsetOf(prefix)
    const expected = this.expected ?? found
    const { baseOffset, isCertain } = this.baseOffset(found, expected, lastOffsetDelta, next)
    if (baseOffset !== found) {
      const text = `the batch here has base offset ${found}, and its neighbours leave room for ${expected} only`
      problems.push({ kind: 'base offset', text })
    } else if (!isCertain) {
      const text = `the batch here has base offset ${found}, which contradicts its neighbours (${expected} follows; the next is ${next?.baseOffset ?? 'none'})`
      problems.push({ kind: 'base offset', text })
    } else if (found > expected) findings.push(...this.gap(piece.path, piece.position, expected, found))
    const foundEpoch = batchLeaderEpoch(prefix, 0)
    const leaderEpoch = this.leaderEpoch(foundEpoch, baseOffset, next)
    if (leaderEpoch !== foundEpoch) {
      const should = leaderEpoch === undefined ? '' : `; it must be ${leaderEpoch}`
      const text = `the batch here has leader epoch ${foundEpoch}, which contradicts its neighbours${should}`
      problems.push({ kind: 'leader epoch', text })
    }
    const isRestorable = isCertain && leaderEpoch !== undefined
    if (problems.length > 0) {
      const stamped = Buffer.from(prefix)
      if (isRestorable) stampBatch(stamped, 0, baseOffset, leaderEpoch)
      const { path, position, before } = piece
      const remedy: Remedy | undefined = isRestorable
        ? { type: 'restamp', position, prefix: stamped, before }
        : isCertain
          ? undefined
          : lossOf(piece, expected, Math.max(expected, next?.baseOffset ?? expected))
      const message = `${problems.map(({ text }) => text).join('; ')}; readers would get other offsets than were acknowledged, or none`
      findings.push({ severity: 'damage', kind: problems[0]!.kind, path, position, message, remedy })
    }
    if (leaderEpoch !== undefined) this.epoch = leaderEpoch
    const lastOffset = baseOffset + lastOffsetDelta
    // One that lies where it cannot be does not move the order.
    const nextOffset = isCertain ? lastOffset + 1 : Math.max(expected, next?.baseOffset ?? expected)
    return { findings, batch: { baseOffset, lastOffset }, nextOffset }
  }

  private baseOffset(
    found: number,
    expected: number,
    lastOffsetDelta: number,
    next: Neighbour | undefined,
  ): { baseOffset: number; isCertain: boolean } {
    if (found === expected) return { baseOffset: found, isCertain: true }
    const fills = next !== undefined && next.baseOffset === expected + lastOffsetDelta + 1
    if (fills) return { baseOffset: expected, isCertain: true }
    const overlaps = found < expected || (next !== undefined && next.baseOffset <= found + lastOffsetDelta)
    return { baseOffset: found, isCertain: !overlaps }
  }

  /** undefined: the epoch is wrong, and which would be right is not certain. */
  private leaderEpoch(found: number, offset: number, next: Neighbour | undefined): number | undefined {
    const { epochAt, lastEpoch } = this.options
    const known = epochAt(offset)
    if (found === known) return found
    const highest = next?.leaderEpoch ?? lastEpoch
    const isInOrder = found >= this.epoch && found <= lastEpoch
    // A neighbour may be the one that is wrong.
    if (isInOrder && (found <= highest || (next !== undefined && highest < this.epoch))) return found
    if (this.epoch >= 0 && this.epoch === highest) return highest
    if (known !== undefined && known >= this.epoch && known <= highest) return known
    return undefined
  }

  private *gap(path: string, position: number, from: number, to: number): Iterable<Finding> {
    if (this.options.mayHaveGaps) return
    const reason = this.options.gapIsKnown(from, to)
    const message = `offsets ${from} to ${to - 1} are missing before this`
    if (reason !== undefined) {
      yield { severity: 'note', kind: 'gap', path, position, message: `${message}: ${reason}` }
    } else {
      const remedy = { type: 'note loss', fromOffset: from, nextOffset: to } as const
      const problem = `${message}, and nothing tells why`
      yield { severity: 'damage', kind: 'gap', path, position, message: problem, remedy }
    }
  }
}

/** What is to be done with a piece that is of no use. */
function lossOf({ isAtEnd, position, size }: Piece, fromOffset: number, nextOffset: number): Remedy {
  return { type: isAtEnd ? 'cut' : 'take out', position, size, fromOffset, nextOffset }
}

/** -1 for one that no log can have. */
export function baseOffsetOf(prefix: Buffer): number {
  try {
    return Math.max(-1, batchBaseOffset(prefix, 0))
  } catch {
    return -1
  }
}

/** What the order keeps of a batch. */
export function pieceOf(
  kind: Piece['kind'],
  path: string,
  position: number,
  bytes: Buffer,
  about: {
    readonly size: number
    readonly problem?: string
    readonly isAtEnd: boolean
    readonly before?: Buffer
  },
): Piece {
  const prefix = Buffer.from(bytes.subarray(0, prefixSize))
  return {
    kind,
    path,
    position,
    size: about.size,
    prefix,
    before: about.before ?? prefix,
    lastOffsetDelta: kind === 'debris' ? 0 : batchLastOffsetDelta(bytes, 0),
    problem: about.problem,
    isAtEnd: about.isAtEnd,
  }
}
