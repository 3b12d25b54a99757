/**
 * One log against a plain array, on a real disk: random producers, retries, reads, rolls, restarts and crashes.
 * What the array says is what the log must say, at every step, down to where its segments begin; what a power loss
 * leaves of a whole engine is engine-model.test.ts's. A failure is repeated by its seed:
 * `SEED=... node <this file>`.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { buildBatch, type RecordToBuild } from '../../../protocol-codecs/build-batch.ts'
import { addToSequence } from '../../../protocol-codecs/record-batch.ts'
import { openTestLog, type TestLog, testPartition } from '../../testing/test-log.ts'
import { appendNow, recordsIn, temporaryDirectory } from '../../testing/test-storage.ts'

interface ModelRecord {
  readonly value: string
  readonly timestamp: number
}

interface ModelBatch {
  readonly baseOffset: number
  readonly records: readonly ModelRecord[]
  readonly size: number
  readonly producerId: number
  readonly baseSequence: number
  readonly bytes: Buffer
}

interface ModelProducer {
  readonly id: number
  epoch: number
  nextSequence: number
  /** What the log remembers of it, oldest first. */
  batches: ModelBatch[]
}

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const operationCount = Number(process.env.OPERATIONS ?? 12_000)

/** mulberry32 */
function generator(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Nearly every batch fits into a segment; the odd one that does not must be refused. */
const segmentBytes = 6000

t.test(`${operationCount} random operations, seed ${seed}`, async t => {
  const random = generator(seed)
  const chance = (percent: number) => random(100) < percent
  const directory = join(temporaryDirectory(t), 'log')
  fs.mkdirSync(directory)
  const config = {
    'internal.segment.bytes': String(segmentBytes),
    'index.interval.bytes': '300',
    'segment.ms': '5000',
    'segment.index.bytes': '200',
    'retention.ms': '-1',
  }
  const open = (options: object = {}): TestLog =>
    openTestLog(directory, { config, maxOpenSegments: 4, random: () => 0, ...options })
  let current = open()
  const batches: ModelBatch[] = []
  let producers: ModelProducer[] = []
  let nextProducerId = 1
  let logStartOffset = 0
  let time = 1_000_000
  const counts: Record<string, number> = {}

  const endOffset = () => {
    const last = batches.at(-1)
    return last === undefined ? 0 : last.baseOffset + last.records.length
  }
  const fail = (message: string): never => {
    throw new Error(`seed ${seed}: ${message}`)
  }
  const expect = (condition: boolean, message: string) => {
    if (!condition) fail(message)
  }

  function newRecords(): ModelRecord[] {
    const records: ModelRecord[] = []
    for (let i = 1 + random(chance(5) ? 40 : 4); i > 0; i--) {
      time += random(40)
      // Some come late, few are far ahead.
      const timestamp = chance(10) ? time - random(3000) : chance(1) ? time + random(3000) : time
      records.push({ value: `${records.length}`.padEnd(random(chance(3) ? 1500 : 60), '.'), timestamp })
    }
    return records
  }

  function build(
    records: readonly ModelRecord[],
    producer?: { id: number; epoch: number; sequence: number },
  ) {
    return buildBatch({
      records: records.map<RecordToBuild>(({ value, timestamp }) => ({
        value: Buffer.from(value),
        timestamp,
      })),
      ...(chance(10) ? { compression: 'gzip' as const } : {}),
      ...(producer && {
        producerId: producer.id,
        producerEpoch: producer.epoch,
        baseSequence: producer.sequence,
      }),
    })
  }

  function appendNew(): void {
    const records = newRecords()
    let producer: ModelProducer | undefined
    if (chance(60)) {
      if (producers.length < 5 || chance(1)) {
        const nextSequence = chance(20) ? 2147483647 - random(20) : 0
        producers.push({ id: nextProducerId++, epoch: 0, nextSequence, batches: [] })
      }
      producer = producers[random(producers.length)]!
      if (chance(3)) {
        producer.epoch++
        producer.nextSequence = 0
        producer.batches = []
      }
    }
    const baseSequence = producer?.nextSequence ?? -1
    const identity = producer && { id: producer.id, epoch: producer.epoch, sequence: baseSequence }
    let bytes = build(records, identity)
    while (bytes.length > segmentBytes) {
      const refusal = appendNow(current.logs, testPartition, Buffer.from(bytes))
      expect(refusal.error === 'RECORD_LIST_TOO_LARGE', `${bytes.length} bytes: ${JSON.stringify(refusal)}`)
      records.length = Math.ceil(records.length / 2)
      bytes = build(records, identity)
    }
    const result = appendNow(current.logs, testPartition, Buffer.from(bytes))
    const baseOffset = endOffset()
    expect(
      result.error === 'NONE' && result.baseOffset === baseOffset && !result.duplicate,
      `append at ${baseOffset}: ${JSON.stringify(result)}`,
    )
    const batch = {
      baseOffset,
      records,
      size: bytes.length,
      producerId: producer?.id ?? -1,
      baseSequence,
      bytes,
    }
    batches.push(batch)
    if (producer === undefined) return
    producer.nextSequence = addToSequence(baseSequence, records.length)
    producer.batches.push(batch)
    if (producer.batches.length > 5) producer.batches.shift()
  }

  function appendAgain(): void {
    const producer = producers[random(Math.max(1, producers.length))]
    if (producer === undefined || producer.batches.length === 0) return
    if (chance(50)) {
      const batch = producer.batches[random(producer.batches.length)]!
      const result = appendNow(current.logs, testPartition, Buffer.from(batch.bytes))
      expect(
        result.error === 'NONE' && result.duplicate && result.baseOffset === batch.baseOffset,
        `retry of ${batch.baseOffset}: ${JSON.stringify(result)}`,
      )
      return
    }
    const isOld = chance(50) && producer.epoch > 0
    const records = newRecords()
    const sequence = addToSequence(producer.nextSequence, 1 + random(10))
    const wrong = build(records, {
      id: producer.id,
      epoch: isOld ? producer.epoch - 1 : producer.epoch,
      sequence,
    })
    const { error } = appendNow(current.logs, testPartition, wrong)
    const refusal = isOld ? 'INVALID_PRODUCER_EPOCH' : 'OUT_OF_ORDER_SEQUENCE_NUMBER'
    const expected = wrong.length > segmentBytes ? 'RECORD_LIST_TOO_LARGE' : refusal
    expect(error === expected, `${error} instead of ${expected}`)
  }

  /** Index of the batch that holds `offset`. */
  function batchAt(offset: number): number {
    let low = 0
    let high = batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const batch = batches[middle]!
      if (batch.baseOffset + batch.records.length <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  async function read(): Promise<void> {
    const end = endOffset()
    const offset = Math.max(0, chance(10) ? end - random(20) + 5 : random(end + 2))
    const maxBytes = chance(30) ? random(200) : random(12_000)
    const outcome = await current.logs.read(
      [{ partition: testPartition, offset, maxBytes, isolation: 'read_uncommitted' }],
      1_000_000,
    )
    const result = outcome.results[0]!
    const title = `read ${offset}, ${maxBytes} bytes of [${logStartOffset}, ${end}]`
    if (offset < logStartOffset || offset > end) {
      expect(result.error === 'OFFSET_OUT_OF_RANGE', `${title}: ${result.error}`)
      return
    }
    expect(result.error === 'NONE' && result.logEndOffset === end, `${title}: ${result.error}`)
    const records = recordsIn(result)
    outcome.release()
    const first = batchAt(offset)
    const expected: string[] = []
    for (let i = first, size = 0; expected.length < records.length; i++) {
      const batch = batches[i] ?? fail(`${title}: more than there is`)
      size += batch.size
      if (i > first && size > maxBytes) fail(`${title}: more than asked for`)
      for (const [k, { value }] of batch.records.entries()) expected.push(`${batch.baseOffset + k}:${value}`)
    }
    expect(records.join() === expected.join(), `${title}: ${records[0]} instead of ${expected[0]}`)
    expect(records.length > 0 || offset === end, `${title}: nothing`)
  }

  async function findTime(): Promise<void> {
    const timestamp = 1_000_000 + random(time - 1_000_000 + 4000)
    let expected = -1
    for (const batch of batches) {
      if (batch.baseOffset + batch.records.length <= logStartOffset) continue
      const k = batch.records.findIndex(
        (record, k) => record.timestamp >= timestamp && batch.baseOffset + k >= logStartOffset,
      )
      if (k < 0) continue
      expected = batch.baseOffset + k
      break
    }
    const found = await current.logs.offsetAt(testPartition, timestamp, 'read_uncommitted')
    expect((found?.offset ?? -1) === expected, `time ${timestamp}: ${found?.offset} instead of ${expected}`)
  }

  async function findMax(): Promise<void> {
    let expected = { offset: -1, timestamp: -1 }
    for (const batch of batches) {
      for (const [k, { timestamp }] of batch.records.entries()) {
        const offset = batch.baseOffset + k
        if (offset >= logStartOffset && timestamp > expected.timestamp) expected = { offset, timestamp }
      }
    }
    const found = await current.logs.maxTimestamp(testPartition)
    expect(
      (found?.offset ?? -1) === expected.offset,
      `largest timestamp: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`,
    )
  }

  async function deleteSome(): Promise<void> {
    const offset = Math.min(endOffset(), logStartOffset + random(30))
    logStartOffset = Math.max(logStartOffset, await current.logs.deleteBefore(testPartition, offset))
  }

  /** By size alone; `retention.test.ts` is about the other rules. */
  async function retain(): Promise<void> {
    const { log, retention } = current
    const retentionBytes = chance(10) ? 0 : random(2 * segmentBytes)
    log.configure({ ...log.config, retentionBytes })
    const sizes = log.segments.map(segment => segment.size)
    const bases = [...log.segments.map(segment => segment.baseOffset), endOffset()]
    let first = sizes.findLastIndex((_, i) => {
      const isBelowStart = i < sizes.length - 1 && bases[i + 1]! <= logStartOffset
      return isBelowStart || sizes.slice(i + 1).reduce((sum, size) => sum + size, 0) >= retentionBytes
    })
    first += sizes[first] === 0 && first === sizes.length - 1 ? 0 : 1
    await retention.run()
    log.configure({ ...log.config, retentionBytes: -1 })
    const base = log.segments[0]!.baseOffset
    expect(base === bases[first], `retained from ${base} on, not ${bases[first]}`)
    logStartOffset = Math.max(logStartOffset, base)
    expect(log.logStartOffset === logStartOffset, `the log starts at ${log.logStartOffset}`)
    // Its batches may be gone, but the log knows what it knew.
    if (chance(30)) current.clock.advance(60_000)
  }

  /** It never comes back, as producers do. */
  function forgetProducer(): void {
    producers = producers.slice(1)
  }

  async function reopen(): Promise<void> {
    await current.commit.idle()
    const wasShutDownCleanly = chance(50)
    const recoveryPoint = current.log.recoveryPoint
    if (wasShutDownCleanly) {
      current.log.close()
    } else if (chance(50)) {
      // The crash came in the middle of a write, or a write after it failed.
      const torn = build(newRecords()).subarray(0, 1 + random(60))
      fs.appendFileSync(current.log.activeSegment.path, torn)
    }
    const { log } = current
    if (!wasShutDownCleanly) {
      // The descriptors of a process that is gone.
      log.isOffline = true
      log.close()
    }
    current = open({ wasShutDownCleanly, recoveryPoint, logStartOffset })
    expect(
      current.log.logEndOffset === endOffset(),
      `reopened: ${current.log.logEndOffset}, not ${endOffset()}`,
    )
    if (wasShutDownCleanly) {
      // A snapshot holds the last batch of each producer.
      for (const producer of producers) producer.batches = producer.batches.slice(-1)
    } else {
      // So does the one that recovery goes on from; the rest is read again.
      const scanned = current.log.snapshots.newest
      for (const producer of producers) {
        const before = producer.batches.filter(batch => batch.baseOffset < scanned)
        const after = producer.batches.filter(batch => batch.baseOffset >= scanned)
        producer.batches = [...before.slice(-1), ...after].slice(-5)
      }
    }
  }

  const operations: [string, number, () => void | Promise<void>][] = [
    ['append', 450, appendNew],
    ['retry', 150, appendAgain],
    ['read', 340, read],
    ['find time', 30, findTime],
    ['find max', 3, findMax],
    ['roll', 5, () => void current.log.roll()],
    [
      'close for now',
      10,
      () => void current.log.segments[random(current.log.segments.length)]!.closeForNow(),
    ],
    ['write indexes', 3, () => current.log.activeSegment.writeIndexes()],
    ['delete', 1, deleteSome],
    ['retain', 1, retain],
    ['reopen', 4, reopen],
    ['forget a producer', 1, forgetProducer],
  ]
  const total = operations.reduce((sum, [, weight]) => sum + weight, 0)
  for (let i = 0; i < operationCount; i++) {
    let pick = random(total)
    const operation = operations.find(([, weight]) => {
      pick -= weight
      return pick < 0
    })!
    counts[operation[0]] = (counts[operation[0]] ?? 0) + 1
    try {
      await operation[2]()
    } catch (error) {
      t.comment(`operation ${i}, ${operation[0]}`)
      throw error
    }
  }
  await current.commit.idle()
  t.equal(current.log.logEndOffset, endOffset())
  t.equal(
    current.log.size,
    batches
      .filter(batch => batch.baseOffset >= current.log.segments[0]!.baseOffset)
      .reduce((sum, batch) => sum + batch.size, 0),
  )
  t.comment(JSON.stringify({ ...counts, batches: batches.length, segments: current.log.segments.length }))
  current.log.close()
})
