/** The local engine: the contract of all engines, its files, segments and indexes, and restarts. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { buildBatch } from '../../../protocol-codecs/build-batch.ts'
import { batchField, stampBatch, updateBatchCrc } from '../../../protocol-codecs/record-batch.ts'
import { readVectors } from '../../../protocol-codecs/vectors/read-vectors.ts'
import { bufferPool } from '../../platform/buffer-pool.ts'
import { faultyDisk } from '../../testing/faulty-disk.ts'
import { openTestLog, testPartition } from '../../testing/test-log.ts'
import {
  appendNow,
  openTestStorage,
  readAll,
  temporaryDirectory,
  testBatch,
} from '../../testing/test-storage.ts'
import { type Engine, partitionLogsContract } from '../partition-logs.contract.ts'
import type { LocalStorage } from './local-storage.ts'
import type { PartitionLog } from './partition-log.ts'
import { decodeProducerSnapshot, encodeProducerSnapshot } from './producer-snapshot.ts'

interface OpenEngine extends Engine {
  readonly directory: string
  readonly writeCaching: boolean
}

async function openEngine(t: Test, directory: string, writeCaching: boolean): Promise<OpenEngine> {
  const storage: LocalStorage = await openTestStorage({ directory, writeCaching })
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= storage.close()
    return closed
  }
  t.teardown(close)
  return { logs: storage.logs, catalog: storage.catalog, close, directory, writeCaching }
}

partitionLogsContract(t, 'local engine', {
  open: (t, { writeCaching }) => openEngine(t, temporaryDirectory(t), writeCaching),
  reopen: (t, engine) => {
    const { directory, writeCaching } = engine as OpenEngine
    return openEngine(t, directory, writeCaching)
  },
})

const logFile = (directory: string, baseOffset: number, kind: string) =>
  join(directory, `${String(baseOffset).padStart(20, '0')}.${kind}`)

const baseOffsets = (log: PartitionLog) => log.segments.map(segment => segment.baseOffset)

t.test('a segment is rolled before it would exceed segment.bytes', async t => {
  const size = testBatch({ values: ['x'] }).length
  const config = { 'internal.segment.bytes': String(3 * size) }
  const { log, logs } = openTestLog(temporaryDirectory(t), { config })
  for (let i = 0; i < 7; i++) appendNow(logs, testPartition, { values: ['x'] })
  t.same(baseOffsets(log), [0, 3, 6])
  t.same(
    log.segments.map(segment => segment.size / size),
    [3, 3, 1],
  )
  t.equal(log.size, 7 * size)
})

t.test('segment.ms counts by the timestamps of records', async t => {
  const config = { 'segment.ms': '1000' }
  const { log, logs, clock } = openTestLog(temporaryDirectory(t), { config })
  const at = (timestamp: number) => appendNow(logs, testPartition, { timestamp })
  at(5000)
  at(6000)
  t.same(baseOffsets(log), [0], 'exactly segment.ms is not more')
  clock.advance(100_000)
  at(5500)
  t.same(baseOffsets(log), [0], 'the clock on the wall does not matter')
  at(6001)
  t.same(baseOffsets(log), [0, 3])
  at(4000)
  at(7002)
  t.same(baseOffsets(log), [0, 3, 5])
})

t.test('records without timestamps roll by the age of the segment', async t => {
  const config = { 'segment.ms': '1000' }
  const { log, logs, clock } = openTestLog(temporaryDirectory(t), { config })
  for (const advance of [0, 1000, 1, 500, 501]) {
    clock.advance(advance)
    appendNow(logs, testPartition, { timestamp: -1 })
  }
  t.same(baseOffsets(log), [0, 2, 4])
})

t.test('segment.jitter.ms lets segments roll earlier, each by its own share', async t => {
  const config = { 'segment.ms': '1000', 'segment.jitter.ms': '400' }
  let random = 0.5
  const { log, logs } = openTestLog(temporaryDirectory(t), { config, random: () => random })
  const at = (timestamp: number) => appendNow(logs, testPartition, { timestamp })
  at(0)
  random = 0
  at(800)
  t.same(baseOffsets(log), [0])
  at(801)
  at(1801)
  t.same(baseOffsets(log), [0, 2])
  at(1802)
  t.same(baseOffsets(log), [0, 2, 4])
})

t.test('a restart does not forget when the active segment began', async t => {
  const directory = temporaryDirectory(t)
  const config = { 'segment.ms': '1000' }
  for (const wasShutDownCleanly of [true, false]) {
    const { log, logs } = openTestLog(directory, { config })
    appendNow(logs, testPartition, { timestamp: log.logEndOffset * 10_000 })
    log.close()
    const again = openTestLog(directory, { config, wasShutDownCleanly })
    const segments = again.log.segments.length
    appendNow(again.logs, testPartition, { timestamp: (again.log.logEndOffset - 1) * 10_000 + 1001 })
    t.equal(again.log.segments.length, segments + 1)
    again.log.close()
  }
})

t.test('a segment is rolled when one of its indexes is full', async t => {
  const config = { 'segment.index.bytes': '60', 'index.interval.bytes': '0' }
  const { log, logs } = openTestLog(temporaryDirectory(t), { config })
  for (let i = 0; i < 30; i++) appendNow(logs, testPartition, { timestamp: 1 })
  const offsetsFull = log.segments[0]!.offsets.count
  t.equal(offsetsFull * 8, 56)
  for (let i = 0; i < 30; i++) appendNow(logs, testPartition, { timestamp: 100 + i })
  for (const segment of log.segments) {
    t.ok(segment.offsets.count * 8 <= 60)
    t.ok(segment.times.count * 12 <= 60)
  }
  log.close()
})

t.test('a segment is rolled before an offset would be too far from its base', async t => {
  const { log, logs } = openTestLog(temporaryDirectory(t), { config: { 'index.interval.bytes': '0' } })
  const wide = (lastOffsetDelta: number) =>
    buildBatch({ records: [{ value: Buffer.from('w') }], timestamp: 1, lastOffsetDelta })
  const huge = 0x7fffffff
  t.match(appendNow(logs, testPartition, wide(huge - 1)), { baseOffset: 0, nextOffset: huge })
  t.match(appendNow(logs, testPartition, wide(0)), { baseOffset: huge })
  t.same(baseOffsets(log), [0], 'the largest relative offset fits')
  t.match(appendNow(logs, testPartition, wide(0)), { baseOffset: huge + 1 })
  t.same(baseOffsets(log), [0, huge + 1])
  t.match(appendNow(logs, testPartition, wide(huge)), { baseOffset: huge + 2 })
  t.same(baseOffsets(log), [0, huge + 1, huge + 2])
  t.same(await readAll(logs, testPartition, huge), [`${huge}:w`, `${huge + 1}:w`, `${huge + 2}:w`])
  log.close()
})

t.test('files are named and filled as Kafka does', async t => {
  const directory = temporaryDirectory(t)
  const config = { 'internal.segment.bytes': '950', 'index.interval.bytes': '150' }
  const { log, logs } = openTestLog(directory, { config })
  const batch = (i: number) => ({
    values: [`value ${i}`],
    timestamp: 1000 + i,
    producerId: 9,
    baseSequence: i,
  })
  const size = testBatch(batch(10)).length
  for (let i = 10; i < 40; i++) appendNow(logs, testPartition, batch(i))
  t.same(baseOffsets(log), [0, 12, 24])
  log.close()
  t.same(
    fs.readdirSync(directory).sort(),
    [
      ...[0, 12, 24].flatMap(base =>
        ['index', 'log', ...(base === 0 ? [] : ['snapshot']), 'timeindex'].map(kind =>
          logFile('', base, kind),
        ),
      ),
      '00000000000000000030.snapshot',
      'leader-epoch-checkpoint',
      'partition.metadata',
    ].sort(),
  )
  const read = (name: string) => fs.readFileSync(join(directory, name), 'utf8')
  t.equal(read('leader-epoch-checkpoint'), '0\n1\n0 0\n')
  t.equal(read('partition.metadata'), `version: 0\ntopic_id: ${testPartition.topicId}\n`)

  const index = fs.readFileSync(logFile(directory, 12, 'index'))
  const entries: number[][] = []
  for (let at = 0; at < index.length; at += 8)
    entries.push([index.readInt32BE(at), index.readInt32BE(at + 4)])
  // An entry is due once more than 150 bytes came since the last one: at every second batch.
  t.same(
    entries,
    [2, 4, 6, 8, 10].map(i => [i, i * size]),
  )
  const times = fs.readFileSync(logFile(directory, 12, 'timeindex'))
  const stamps: number[][] = []
  for (let at = 0; at < times.length; at += 12) {
    stamps.push([Number(times.readBigInt64BE(at)), times.readInt32BE(at + 8)])
  }
  t.same(
    stamps,
    [2, 4, 6, 8, 10, 11].map(i => [1022 + i, i]),
    'and one for the largest timestamp at the end',
  )
})

t.test('snapshots of producers are those of Kafka', async t => {
  interface Entry {
    producerId: string
    epoch: number
    lastSequence: number
    lastOffset: string
    offsetDelta: number
    timestamp: string
    coordinatorEpoch: number
    currentTxnFirstOffset: string
  }
  const vectors = readVectors('java-structures.jsonl.gz').filter(
    ({ message }) => message === 'ProducerSnapshot',
  )
  t.ok(vectors.length >= 5)
  let compared = 0
  for (const vector of vectors) {
    const entries = (vector.json as unknown as { producerEntries: Entry[] }).producerEntries
    const numbers = entries.flatMap(e => [e.producerId, e.lastOffset, e.timestamp, e.currentTxnFirstOffset])
    if (!numbers.every(number => Number.isSafeInteger(Number(number)))) continue
    compared++
    const encoded = encodeProducerSnapshot(
      entries.map(entry => ({
        producerId: Number(entry.producerId),
        epoch: entry.epoch,
        batches: [
          {
            firstSequence: -1,
            lastSequence: entry.lastSequence,
            lastOffset: Number(entry.lastOffset),
            offsetDelta: entry.offsetDelta,
            timestampMs: Number(entry.timestamp),
          },
        ],
        lastTimestampMs: Number(entry.timestamp),
        coordinatorEpoch: entry.coordinatorEpoch,
        transactionFirstOffset: Number(entry.currentTxnFirstOffset),
      })),
      entries.length,
    )
    t.equal(encoded.readInt16BE(0), 1)
    // The vectors' own checksums are arbitrary values.
    t.ok(encoded.subarray(6).equals(vector.bytes.subarray(4)), vector.case)
    const decoded = decodeProducerSnapshot(encoded)
    t.same(
      decoded?.map(entry => [
        entry.producerId,
        entry.epoch,
        entry.coordinatorEpoch,
        entry.transactionFirstOffset,
      ]),
      entries.map(e => [Number(e.producerId), e.epoch, e.coordinatorEpoch, Number(e.currentTxnFirstOffset)]),
    )
    for (let length = 0; length < encoded.length; length++) {
      if (decodeProducerSnapshot(encoded.subarray(0, length)) !== undefined) t.fail(`cut at ${length}`)
    }
  }
  t.ok(compared >= 3, `${compared}`)
})

t.test('a sequence that wrapped inside its last batch survives a snapshot', async t => {
  const directory = temporaryDirectory(t)
  const batch = { producerId: 1, baseSequence: 2147483646, values: ['a', 'b', 'c', 'd'] }
  const first = openTestLog(directory)
  appendNow(first.logs, testPartition, batch)
  first.log.close()
  const { logs } = openTestLog(directory, { wasShutDownCleanly: true })
  t.match(appendNow(logs, testPartition, batch), { duplicate: true, baseOffset: 0 })
  t.match(appendNow(logs, testPartition, { producerId: 1, baseSequence: 2 }), { baseOffset: 4 })
})

t.test('look-ups by timestamp look at little', async t => {
  const disk = faultyDisk()
  const directory = temporaryDirectory(t)
  const config = { 'internal.segment.bytes': '200000' }
  const first = openTestLog(directory, { config })
  const value = 'x'.repeat(1000)
  // Half of the segments: one early record is an hour ahead, so that no time entry follows it for long.
  for (let i = 0; i < 1000; i++) {
    const timestamp = i % 100 === 50 ? 10_000_000 + i : 1_000_000 + i
    appendNow(first.logs, testPartition, { values: [value], timestamp })
  }
  first.log.close()
  const { log, logs } = openTestLog(directory, { config, disk, wasShutDownCleanly: true })
  t.ok(log.segments.length > 4)
  const bytesFor = async (timestampMs: number) => {
    const before = disk.calls.length
    const found = await logs.offsetAt(testPartition, timestampMs, 'read_uncommitted')
    let size = 0
    for (const call of disk.calls.slice(before)) if (call.operation === 'read') size += call.size
    return { offset: found?.offset, size }
  }
  const none = await bytesFor(99_000_000)
  t.equal(none.offset, undefined)
  // The last entries of each segment, and the batches that they name.
  t.ok(none.size < 5000 * log.segments.length, `${none.size} bytes`)
  for (const [timestampMs, offset] of [
    [1_000_000, 0],
    [1_000_049, 49],
    [1_000_051, 50],
    [10_000_000, 50],
    [10_000_051, 150],
    [10_000_900, 950],
  ] as const) {
    const { offset: found, size } = await bytesFor(timestampMs)
    t.equal(found, offset)
    t.ok(size < 60_000, `${timestampMs}: ${size} bytes`)
  }
  const before = disk.calls.length
  t.match(await logs.maxTimestamp(testPartition), { offset: 950, timestampMs: 10_000_950 })
  const read = disk.calls.slice(before).filter(call => call.operation === 'read')
  t.ok(read.reduce((sum, call) => sum + call.size, 0) < 60_000)
})

t.test('a timestamp beyond 2^53 is refused, and found in a log that has one', async t => {
  const directory = temporaryDirectory(t)
  const { log, logs } = openTestLog(directory)
  appendNow(logs, testPartition, { values: ['a'] })
  const batch = testBatch({ values: ['b'], producerId: 5 })
  batch.writeBigInt64BE(2n ** 60n, batchField.maxTimestamp)
  updateBatchCrc(batch, 0)
  t.match(appendNow(logs, testPartition, batch), { error: 'INVALID_RECORD' })
  t.equal(log.logEndOffset, 1)
  log.close()
  // Kafka takes such a batch where message.timestamp.after.max.ms lets it.
  stampBatch(batch, 0, 1, 0)
  fs.appendFileSync(logFile(directory, 0, 'log'), batch)
  const again = openTestLog(directory)
  t.equal(again.log.logEndOffset, 2)
  t.same(await readAll(again.logs, testPartition), ['0:a', '1:b'])
})

t.test('idle producers are forgotten by the clock, not by the times in their records', async t => {
  const { log, logs } = openTestLog(temporaryDirectory(t))
  const retry = { producerId: 1, timestamp: 5 }
  appendNow(logs, testPartition, retry)
  appendNow(logs, testPartition, { producerId: 2, timestamp: 5 })
  log.producers.expire(1_000_000, 1000)
  appendNow(logs, testPartition, { producerId: 2, baseSequence: 1, timestamp: 6 })
  log.producers.expire(1_000_999, 1000)
  t.match(appendNow(logs, testPartition, retry), { duplicate: true }, 'last year is not idle')
  log.producers.expire(1_001_000, 1000)
  t.same(
    [...log.producers.all()].map(entry => entry.producerId),
    [2],
  )
})

t.test('what a reader holds in memory is given back once, also when it is cut off', async t => {
  const pool = bufferPool(64 * 1024)
  const buffer = pool.acquire(20_000)
  t.equal(buffer.length, 32 * 1024)
  pool.release(buffer)
  t.equal(pool.acquire(30_000), buffer, 'used again')
  const others = [pool.acquire(30_000), pool.acquire(30_000), pool.acquire(30_000)]
  for (const other of others) pool.release(other)
  const again = [pool.acquire(30_000), pool.acquire(30_000), pool.acquire(30_000)]
  t.same(
    again.map(other => others.includes(other)),
    [true, true, false],
    'bounded',
  )
  pool.release(Buffer.allocUnsafeSlow(20_000))
  pool.release(Buffer.allocUnsafe(100))
  t.not(pool.acquire(20_000).length, 20_000, 'a buffer from elsewhere is not taken')
})

t.test('many partitions open in little time', async t => {
  const directory = temporaryDirectory(t)
  const storage = await openTestStorage({ directory, writeCaching: true, maxOpenSegments: 150 })
  const change = { type: 'create-topic' as const, name: 'many', partitionCount: 300, configs: {} }
  const topic = (await storage.catalog.change(change)).topics.get('many')!
  for (const partition of topic.partitions) appendNow(storage.logs, partition, { producerId: 1 })
  await storage.close()
  const startedAt = Date.now()
  const again = await openTestStorage({ directory, writeCaching: true, maxOpenSegments: 150 })
  const tookMs = Date.now() - startedAt
  t.teardown(() => again.close())
  t.comment(`${tookMs} ms`)
  t.ok(tookMs < 2000, `${tookMs} ms`)
  t.same(await readAll(again.logs, topic.partitions[299]!), ['0:v'])
})
