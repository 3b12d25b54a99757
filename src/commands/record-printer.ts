/**
 * Prints records in the format that was asked for, counts them, and says when it is time to end: after
 * `--max-messages`, or when none has come for `--timeout`.
 */
import type { ReadRecord } from '../client/record-reader.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ConsumeFlags } from './consume.ts'
import { print, remark } from './output.ts'
import { recordAsJson } from './record-json.ts'
import { recordAsText } from './record-text.ts'

/** About how much goes into one write. */
const writeBytes = 64 * 1024
const newline = Buffer.from('\n')

export class RecordPrinter {
  private readonly flags: ConsumeFlags
  private count = 0
  private lastRecordMs = performance.now()

  constructor(flags: ConsumeFlags) {
    this.flags = flags
  }

  /** Prints as many of these as are wanted; gives how many that were. */
  async print(records: readonly ReadRecord[]): Promise<number> {
    if (records.length === 0) return 0
    const wanted = Math.min(records.length, (this.flags.maxMessages ?? Number.POSITIVE_INFINITY) - this.count)
    if (this.flags.raw) await printValues(records.slice(0, wanted))
    else await printLines(records.slice(0, wanted), this.flags.json ? recordAsJson : recordAsText)
    this.count += wanted
    this.lastRecordMs = performance.now()
    return wanted
  }

  get hasEnough(): boolean {
    return this.count >= (this.flags.maxMessages ?? Number.POSITIVE_INFINITY)
  }

  /** How much longer to wait for a record; undefined: for ever. */
  get patienceMs(): number | undefined {
    const { timeout } = this.flags
    return timeout === undefined ? undefined : Math.max(0, this.lastRecordMs + timeout - performance.now())
  }

  get isOutOfPatience(): boolean {
    return this.patienceMs === 0
  }

  /** Waiting in vain for a number of records is a failure, so that a script can tell. */
  reportEnd(): void {
    const { maxMessages, timeout } = this.flags
    if (maxMessages === undefined || timeout === undefined || this.hasEnough) return
    remark(`${this.count} of ${maxMessages} records came before ${timeout} ms passed without one.`)
    process.exitCode ??= exitCodes.tryAgain
  }
}

async function printLines(
  records: readonly ReadRecord[],
  format: (record: ReadRecord) => string,
): Promise<void> {
  let text = ''
  for (const record of records) {
    text += `${format(record)}\n`
    if (text.length < writeBytes) continue
    await print(text)
    text = ''
  }
  await print(text)
}

async function printValues(records: readonly ReadRecord[]): Promise<void> {
  let pieces: Buffer[] = []
  let size = 0
  for (const { value } of records) {
    if (value !== null) pieces.push(value)
    pieces.push(newline)
    size += (value?.length ?? 0) + 1
    if (size < writeBytes) continue
    await print(Buffer.concat(pieces, size))
    pieces = []
    size = 0
  }
  await print(Buffer.concat(pieces, size))
}
