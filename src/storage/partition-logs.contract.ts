/**
 * What every storage engine must do, written against the two seams only. An engine's test calls this
 * with a way to open an empty engine; nothing here knows of files.
 */
import type { Test } from 'tap'
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import {
  batchBaseOffset,
  batchCrcIsValid,
  batchesIn,
  batchLeaderEpoch,
} from '../../protocol-codecs/record-batch.ts'
import { append, appendNow, readAll, recordsIn, testBatch, turn } from '../testing/test-storage.ts'
import type {
  AppendResult,
  Isolation,
  LogChange,
  PartitionLogs,
  PartitionRef,
  ReadOutcome,
} from './partition-log.ts'
import type { CatalogEvent, TopicCatalog } from './topic-catalog.ts'

export interface Engine {
  readonly logs: PartitionLogs
  readonly catalog: TopicCatalog
  close(): Promise<void>
}

export interface EngineUnderTest {
  /** An engine without topics; with `writeCaching` acks do not wait for the disk. */
  open(t: Test, options: { writeCaching: boolean }): Promise<Engine>
  /** The same engine again after it was closed: what was there is there. */
  reopen(t: Test, engine: Engine): Promise<Engine>
}

const unknown: PartitionRef = { topicId: 'AAAAAAAAAAAAAAAAAAAAZg', topic: 'nowhere', index: 0 }
const both: readonly Isolation[] = ['read_uncommitted', 'read_committed']

export function partitionLogsContract(t: Test, name: string, engineUnderTest: EngineUnderTest): void {
  async function open(t: Test, options: { writeCaching?: boolean } = {}) {
    const engine = await engineUnderTest.open(t, { writeCaching: options.writeCaching ?? false })
    const create = async (topic: string, partitionCount = 1, configs: Record<string, string> = {}) => {
      const snapshot = await engine.catalog.change({
        type: 'create-topic',
        name: topic,
        partitionCount,
        configs,
      })
      return snapshot.topics.get(topic)!.partitions
    }
    const [partition] = await create('events')
    return { ...engine, engine, create, partition: partition! }
  }

  async function read(
    logs: PartitionLogs,
    partition: PartitionRef,
    offset: number,
    maxBytes = 1_000_000,
    isolation: Isolation = 'read_uncommitted',
  ) {
    const outcome = await logs.read([{ partition, offset, maxBytes, isolation }], 10_000_000)
    const result = outcome.results[0]!
    const records = recordsIn(result)
    outcome.release()
    return { ...result, records }
  }

  const summary = (result: AppendResult) =>
    result.error === 'NONE'
      ? `${result.duplicate ? 'duplicate of' : 'at'} ${result.baseOffset}..${result.nextOffset}`
      : result.error

  t.test(`${name}: what is appended is read back whole, in order, stamped`, async t => {
    const { logs, partition } = await open(t)
    t.same(await append(logs, partition, { values: ['a', 'b'] }), {
      error: 'NONE',
      baseOffset: 0,
      nextOffset: 2,
      appendTimeMs: -1,
      logStartOffset: 0,
      duplicate: false,
    })
    t.equal(summary(await append(logs, partition, { values: ['c'] })), 'at 2..3')
    for (const isolation of both) {
      const outcome = await logs.read([{ partition, offset: 0, maxBytes: 1e6, isolation }], 1e6)
      const result = outcome.results[0]!
      t.same(recordsIn(result), ['0:a', '1:b', '2:c'], isolation)
      t.equal(
        result.size,
        result.chunks.reduce((size, chunk) => size + chunk.length, 0),
      )
      t.equal(outcome.size, result.size)
      t.same(result.abortedTransactions, isolation === 'read_committed' ? [] : null)
      for (const chunk of result.chunks) {
        for (const at of batchesIn(chunk)) {
          t.ok(batchCrcIsValid(chunk, at))
          t.equal(batchLeaderEpoch(chunk, at), partition.leaderEpoch)
        }
      }
      outcome.release()
    }
    t.same((await read(logs, partition, 1)).records, ['0:a', '1:b', '2:c'], 'the batch that holds the offset')
    t.same((await read(logs, partition, 2)).records, ['2:c'])
  })

  t.test(`${name}: offsets outside the log are out of range, its end is not`, async t => {
    const { logs, partition } = await open(t)
    t.match(await read(logs, partition, 0), { error: 'NONE', size: 0, logEndOffset: 0 })
    t.match(await read(logs, partition, 1), { error: 'OFFSET_OUT_OF_RANGE' })
    await append(logs, partition, { values: ['a', 'b', 'c'] })
    t.match(await read(logs, partition, 3), { error: 'NONE', size: 0, highWatermark: 3, logEndOffset: 3 })
    t.match(await read(logs, partition, 4), { error: 'OFFSET_OUT_OF_RANGE', size: 0, logStartOffset: 0 })
    await append(logs, partition, { values: ['d'] })
    t.equal(await logs.deleteBefore(partition, 3), 3)
    t.match(await read(logs, partition, 2), { error: 'OFFSET_OUT_OF_RANGE', logStartOffset: 3 })
    t.same((await read(logs, partition, 3)).records, ['3:d'])
    t.equal(await logs.deleteBefore(partition, 1), 3, 'the log start never moves down')
    await t.rejects(logs.deleteBefore(partition, 5), { name: 'OFFSET_OUT_OF_RANGE' })
    t.equal(await logs.deleteBefore(partition, 4), 4, 'all of it')
    t.match(await read(logs, partition, 4), { error: 'NONE', size: 0, logStartOffset: 4 })
    t.match(await append(logs, partition, { values: ['e'] }), { baseOffset: 4, logStartOffset: 4 })
  })

  t.test(`${name}: the first batch is given whole, later ones keep the limits`, async t => {
    const { logs, create } = await open(t)
    const [one, two, three] = await create('limits', 3)
    const batchOf = (size: number) => testBatch({ records: [{ value: Buffer.alloc(size, 'x') }] })
    const batchSize = batchOf(1000).length
    for (const partition of [one!, two!]) {
      for (let i = 0; i < 5; i++) await append(logs, partition, batchOf(1000))
    }
    const item = (partition: PartitionRef, maxBytes: number, offset = 0) => ({
      partition,
      offset,
      maxBytes,
      isolation: 'read_uncommitted' as const,
    })
    const sizes = async (items: ReturnType<typeof item>[], maxBytes: number) => {
      const outcome = await logs.read(items, maxBytes)
      outcome.release()
      return outcome.results.map(result => result.size / batchSize)
    }
    t.same(await sizes([item(one!, 1)], 1e6), [1], 'above the partition limit')
    t.same(await sizes([item(one!, 1e6)], 1), [1], 'above the total limit')
    t.same(await sizes([item(one!, 0)], 0), [1], 'even above limits of 0')
    t.same(await sizes([item(one!, 2.9 * batchSize)], 1e6), [2], 'whole batches only')
    t.same(await sizes([item(one!, 2 * batchSize), item(two!, 1e6)], 1e6), [2, 5])
    t.same(await sizes([item(one!, 1e6), item(two!, 1e6)], 7.5 * batchSize), [5, 2])
    t.same(await sizes([item(one!, 1e6), item(two!, 1e6)], 5.5 * batchSize), [5, 0])
    t.same(await sizes([item(one!, 1e6), item(two!, 1e6)], 1), [1, 0])
    t.same(await sizes([item(one!, 1e6), item(two!, 10)], 1e6), [5, 0], 'only the first is above its limit')
    t.same(await sizes([item(three!, 1e6), item(unknown, 1e6), item(two!, 1)], 1), [0, 0, 1], 'first found')
  })

  t.test(`${name}: items of an append succeed and fail one by one`, async t => {
    const { logs, create, partition } = await open(t)
    const [small] = await create('small', 1, { 'internal.segment.bytes': '200' })
    const items = [
      { partition, batch: testBatch({ values: ['a'] }), origin: 'client' as const },
      { partition: unknown, batch: testBatch({ values: ['b'] }), origin: 'client' as const },
      { partition: small!, batch: testBatch({ values: ['c'.repeat(300)] }), origin: 'client' as const },
      { partition, batch: testBatch({ values: ['d'] }), origin: 'client' as const },
    ]
    const results = await logs.append(items, 'durable')
    t.same(results.map(summary), [
      'at 0..1',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'RECORD_LIST_TOO_LARGE',
      'at 1..2',
    ])
    t.same(await readAll(logs, partition), ['0:a', '1:d'])
  })

  t.test(`${name}: batches may be reused by the caller once append has returned`, async t => {
    const { logs, partition } = await open(t)
    const shared = testBatch({ values: ['first'] })
    const done = logs.append([{ partition, batch: shared, origin: 'client' }], 'durable')
    shared.fill(0)
    await done
    t.same(await readAll(logs, partition), ['0:first'])
  })

  t.test(`${name}: an unknown partition is refused by every question`, async t => {
    const { logs } = await open(t)
    t.match(await logs.append([{ partition: unknown, batch: testBatch({}), origin: 'client' }], 'written'), [
      { error: 'UNKNOWN_TOPIC_OR_PARTITION' },
    ])
    t.match(await read(logs, unknown, 0), { error: 'UNKNOWN_TOPIC_OR_PARTITION', size: 0 })
    const refusal = { name: 'UNKNOWN_TOPIC_OR_PARTITION' }
    t.throws(() => logs.offsets(unknown), refusal)
    t.throws(() => logs.epochEnd(unknown, 0), refusal)
    t.throws(() => logs.epochAt(unknown, 0), refusal)
    t.throws(() => logs.activeProducers(unknown), refusal)
    await t.rejects(logs.offsetAt(unknown, 0, 'read_committed'), refusal)
    await t.rejects(logs.maxTimestamp(unknown), refusal)
    await t.rejects(logs.deleteBefore(unknown, 0), refusal)
    t.equal(logs.size(unknown), 0)
    logs.watch([unknown], () => t.fail('nothing happens there')).cancel()
  })

  t.test(`${name}: readers see nothing that is not durable, watchers hear when it is`, async t => {
    const { logs, partition } = await open(t)
    const batch = testBatch({ values: ['a'] })
    const changes: LogChange[] = []
    const watch = logs.watch([partition], change => changes.push(change))
    const appended = logs.append([{ partition, batch, origin: 'client' }], 'durable')
    t.match(logs.offsets(partition), { logEndOffset: 1, highWatermark: 0, lastStableOffset: 0 })
    t.match(await logs.read([{ partition, offset: 0, maxBytes: 1e6, isolation: 'read_uncommitted' }], 1e6), {
      results: [{ error: 'NONE', size: 0 }],
    })
    await appended
    t.match(logs.offsets(partition), { logEndOffset: 1, highWatermark: 1, lastStableOffset: 1 })
    await turn()
    t.match(changes, [{ partition, readableBytes: batch.length, logStartOffset: 0, deleted: false }])
    watch.cancel()
    await append(logs, partition, { values: ['b'] })
    await turn()
    t.equal(changes.length, 1, 'a cancelled watch is silent')
  })

  t.test(`${name}: durable answers come in the order of the log`, async t => {
    const { logs, partition } = await open(t)
    const answered: number[] = []
    const all: Promise<unknown>[] = []
    for (let i = 0; i < 20; i++) {
      const batch = testBatch({ values: [String(i)] })
      const results = logs.append([{ partition, batch, origin: 'client' }], 'durable')
      const noted = Promise.resolve(results).then(([result]) => {
        if (result?.error !== 'NONE') throw new Error(result?.error)
        t.ok(logs.offsets(partition).highWatermark >= result.nextOffset)
        answered.push(result.baseOffset)
      })
      all.push(noted)
      if (i % 5 === 0) await turn()
    }
    await Promise.all(all)
    t.same(
      answered,
      Array.from({ length: 20 }, (_, i) => i),
    )
  })

  t.test(`${name}: watchers hear that the log start has moved`, async t => {
    const { logs, partition } = await open(t)
    for (const value of ['a', 'b', 'c']) await append(logs, partition, { values: [value] })
    await turn()
    const changes: LogChange[] = []
    logs.watch([partition], change => changes.push(change))
    await Promise.all([logs.deleteBefore(partition, 1), logs.deleteBefore(partition, 2)])
    await turn()
    t.same(changes, [{ partition, readableBytes: 0, logStartOffset: 2, deleted: false }], 'once a turn')
    await logs.deleteBefore(partition, 2)
    await turn()
    t.equal(changes.length, 1, 'and only if it has')
  })

  t.test(`${name}: an epoch of which nothing is left begins at the log start`, async t => {
    const { logs, partition, engine } = await open(t)
    const later = { ...partition, leaderEpoch: 4 } as PartitionRef
    await append(logs, partition, { values: ['a', 'b'] })
    await append(logs, later, { values: ['c', 'd'] })
    await logs.deleteBefore(partition, 1)
    t.same(logs.epochEnd(partition, 0), { epoch: 0, endOffset: 2 })
    await logs.deleteBefore(partition, 3)
    const check = (logs: PartitionLogs) => {
      t.same(
        logs.epochEnd(partition, 3),
        { epoch: 3, endOffset: 3 },
        'what is known of epochs below the first',
      )
      t.same(logs.epochEnd(partition, 4), { epoch: 4, endOffset: 4 })
      t.equal(logs.epochAt(partition, 3), 4)
    }
    check(logs)
    await engine.close()
    const again = await engineUnderTest.reopen(t, engine)
    check(again.logs)
    await again.logs.deleteBefore(partition, 4)
    t.same(again.logs.epochEnd(partition, 4), { epoch: 4, endOffset: 4 }, 'also at the end')
    await again.close()
    const third = await engineUnderTest.reopen(t, again)
    t.same(third.logs.epochEnd(partition, 4), { epoch: 4, endOffset: 4 })
  })

  t.test(`${name}: with write.caching an append is durable at once`, async t => {
    const { logs, partition } = await open(t, { writeCaching: true })
    const changes: number[] = []
    logs.watch([partition], change => changes.push(change.readableBytes))
    const batch = testBatch({ values: ['a'] })
    for (const durability of ['written', 'durable'] as const) {
      const results = logs.append([{ partition, batch, origin: 'client' }], durability)
      t.ok(Array.isArray(results), 'answered without waiting')
    }
    t.match(logs.offsets(partition), { highWatermark: 2, lastStableOffset: 2 })
    t.same(await readAll(logs, partition), ['0:a', '1:a'])
    t.same(changes, [2 * batch.length], 'told once a turn')
  })

  t.test(`${name}: a watch covers several partitions and forgets none`, async t => {
    const { logs, create } = await open(t, { writeCaching: true })
    const partitions = await create('many', 4)
    const told = new Map<number, number>()
    const first = logs.watch(partitions, ({ partition, readableBytes }) => {
      told.set(partition.index, (told.get(partition.index) ?? 0) + readableBytes)
    })
    let second = 0
    logs.watch([partitions[2]!], change => {
      second += change.readableBytes
    })
    const size = testBatch({}).length
    for (const partition of partitions) appendNow(logs, partition, {})
    appendNow(logs, partitions[2]!, {})
    await turn()
    t.same(
      [...told].sort(),
      [
        [0, size],
        [1, size],
        [2, 2 * size],
        [3, size],
      ],
      'bytes add up',
    )
    first.cancel()
    appendNow(logs, partitions[2]!, {})
    await turn()
    t.equal(told.get(2), 2 * size)
    t.equal(second, 3 * size, 'cancelling one watch leaves the other')
  })

  t.test(`${name}: a retried batch is stored once`, async t => {
    const { logs, partition } = await open(t)
    const batch = (baseSequence: number, count = 1, producerEpoch = 0, producerId = 7) => ({
      values: Array.from({ length: count }, (_, i) => `s${baseSequence + i}`),
      producerId,
      producerEpoch,
      baseSequence,
    })
    const send = async (...args: Parameters<typeof batch>) =>
      summary(await append(logs, partition, batch(...args)))

    t.equal(await send(0, 2), 'at 0..2')
    t.equal(await send(2), 'at 2..3')
    t.equal(await send(3), 'at 3..4')
    t.equal(await send(0, 2), 'duplicate of 0..2')
    t.equal(await send(3), 'duplicate of 3..4')
    t.equal(await send(0, 1), 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'part of a stored batch')
    t.equal(await send(5), 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'a gap')
    for (const sequence of [4, 5, 6]) await send(sequence)
    t.equal(await send(2), 'duplicate of 2..3', 'fifth from the end')
    t.equal(await send(0, 2), 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'sixth from the end')
    t.equal(await send(0, 1, 0, 8), 'at 7..8', 'another producer is another story')
    t.equal(await send(7), 'at 8..9')
    t.equal((await readAll(logs, partition)).length, 9)
  })

  t.test(`${name}: epochs fence, and a new one starts at sequence 0`, async t => {
    const { logs, partition } = await open(t)
    const send = async (producerEpoch: number, baseSequence: number) =>
      summary(await append(logs, partition, { producerId: 1, producerEpoch, baseSequence }))
    t.equal(await send(3, 100), 'at 0..1', 'an unknown producer may start anywhere')
    t.equal(await send(2, 101), 'INVALID_PRODUCER_EPOCH')
    t.equal(await send(4, 101), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    t.equal(await send(4, 0), 'at 1..2')
    t.equal(await send(3, 100), 'INVALID_PRODUCER_EPOCH', 'not even a duplicate')
    t.equal(await send(4, 0), 'duplicate of 1..2')
    t.equal(await send(4, 1), 'at 2..3')
  })

  t.test(`${name}: sequences wrap after 2147483647, also inside a batch`, async t => {
    const { logs, partition } = await open(t)
    const send = async (baseSequence: number, count: number) =>
      summary(
        await append(logs, partition, { producerId: 1, baseSequence, values: new Array(count).fill('v') }),
      )
    t.equal(await send(2147483640, 5), 'at 0..5')
    t.equal(await send(2147483645, 5), 'at 5..10', 'ends at 1')
    t.equal(await send(2147483645, 5), 'duplicate of 5..10')
    t.equal(await send(2, 1), 'at 10..11')
  })

  t.test(`${name}: a batch that ends at 2147483647 is followed by 0`, async t => {
    const { logs, partition } = await open(t)
    const send = async (baseSequence: number, count: number) =>
      summary(
        await append(logs, partition, { producerId: 1, baseSequence, values: new Array(count).fill('v') }),
      )
    t.equal(await send(2147483646, 2), 'at 0..2')
    t.equal(await send(1, 1), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    t.equal(await send(0, 1), 'at 2..3')
  })

  t.test(`${name}: timestamps find the first record at or after them`, async t => {
    const { logs, partition } = await open(t)
    const at = async (timestampMs: number, isolation: Isolation = 'read_uncommitted') => {
      const found = await logs.offsetAt(partition, timestampMs, isolation)
      return found && `${found.offset}@${found.timestampMs}`
    }
    t.equal(await at(0), undefined, 'an empty log')
    t.equal(await logs.maxTimestamp(partition), undefined)
    const record = (timestamp: number) => ({ value: Buffer.from('v'), timestamp })
    await append(logs, partition, { records: [record(10), record(30), record(20)] })
    await append(logs, partition, { records: [record(25)] })
    await append(logs, partition, { records: [record(40), record(40)] })
    t.equal(await at(-1), '0@10')
    t.equal(await at(10), '0@10')
    t.equal(await at(11), '1@30')
    t.equal(await at(30), '1@30')
    t.equal(await at(31, 'read_committed'), '4@40')
    t.equal(await at(41), undefined)
    t.match(await logs.offsetAt(partition, 40, 'read_committed'), { leaderEpoch: partition.leaderEpoch })
    t.match(await logs.maxTimestamp(partition), { offset: 4, timestampMs: 40 }, 'the first of the largest')
    await logs.deleteBefore(partition, 2)
    t.equal(await at(0), '2@20', 'what was deleted is not found')
    await append(logs, partition, { records: [record(5)] })
    t.equal(await at(1), '2@20')
    await logs.deleteBefore(partition, 6)
    t.match(await logs.maxTimestamp(partition), { offset: 6, timestampMs: 5 }, 'nor is it the largest')
  })

  t.test(`${name}: look-ups by timestamp stop at what readers may see`, async t => {
    const { logs, partition } = await open(t)
    await append(logs, partition, { records: [{ timestamp: 10 }] })
    const pending = logs.append(
      [{ partition, batch: testBatch({ records: [{ timestamp: 20 }] }), origin: 'client' }],
      'durable',
    )
    t.equal(await logs.offsetAt(partition, 20, 'read_uncommitted'), undefined)
    t.match(await logs.maxTimestamp(partition), { offset: 0, timestampMs: 10 })
    await pending
    t.match(await logs.offsetAt(partition, 20, 'read_uncommitted'), { offset: 1 })
  })

  t.test(`${name}: epochs end where the next one starts`, async t => {
    const { logs, partition } = await open(t)
    await append(logs, partition, { values: ['a', 'b'] })
    const epoch = partition.leaderEpoch
    t.same(logs.epochEnd(partition, epoch), { epoch, endOffset: 2 })
    t.same(logs.epochEnd(partition, epoch + 1), { epoch: -1, endOffset: -1 }, 'not yet')
    t.same(logs.epochEnd(partition, -1), { epoch: -1, endOffset: -1 })
    t.equal(logs.epochAt(partition, 1), epoch)
    const later = { ...partition, leaderEpoch: epoch + 4 }
    await append(logs, later, { values: ['c'] })
    await append(logs, later, { values: ['d'] })
    t.same(logs.epochEnd(partition, epoch), { epoch, endOffset: 2 })
    t.same(logs.epochEnd(partition, epoch + 2), { epoch, endOffset: 2 }, 'the largest at or below')
    t.same(logs.epochEnd(partition, epoch + 4), { epoch: epoch + 4, endOffset: 4 })
    t.equal(logs.epochAt(partition, 1), epoch)
    t.equal(logs.epochAt(partition, 2), epoch + 4)
    const result = await read(logs, partition, 2)
    t.same(batchLeaderEpoch(result.chunks[0]!, 0), epoch + 4)
    t.equal(batchBaseOffset(result.chunks[0]!, 0), 2)
  })

  t.test(`${name}: LogAppendTime is reported, also to the one who retries`, async t => {
    const { logs, create } = await open(t)
    const [partition] = await create('stamped', 1, { 'message.timestamp.type': 'LogAppendTime' })
    const batch = () =>
      buildBatch({
        records: [{ value: Buffer.from('v') }],
        timestampType: 'LogAppendTime',
        maxTimestamp: 1234,
        timestamp: 99,
        producerId: 5,
        producerEpoch: 0,
        baseSequence: 0,
      })
    t.match(await append(logs, partition!, batch()), { appendTimeMs: 1234, duplicate: false })
    t.match(await append(logs, partition!, batch()), { appendTimeMs: 1234, duplicate: true })
    t.match(await logs.offsetAt(partition!, 0, 'read_committed'), { offset: 0, timestampMs: 1234 })
    const [created] = await create('created')
    const sent = { producerId: 5, timestamp: 99 }
    t.match(await append(logs, created!, sent), { appendTimeMs: -1, duplicate: false })
    t.match(await append(logs, created!, sent), { appendTimeMs: 99, duplicate: true }, "the batch's own time")
  })

  t.test(`${name}: a deleted topic wakes its watchers and is gone`, async t => {
    const { logs, catalog, create } = await open(t)
    const [partition] = await create('doomed')
    await append(logs, partition!, { values: ['a'] })
    const changes: LogChange[] = []
    logs.watch([partition!], change => changes.push(change))
    const id = catalog.current().topics.get('doomed')!.id
    const pending = logs.append(
      [{ partition: partition!, batch: testBatch({}), origin: 'client' }],
      'durable',
    )
    const reading = logs.read(
      [{ partition: partition!, offset: 0, maxBytes: 1e6, isolation: 'read_committed' }],
      1e6,
    )
    await catalog.change({ type: 'delete-topic', id })
    await turn()
    t.match(
      changes.filter(change => change.deleted),
      [{ partition: { topicId: id, topic: 'doomed', index: 0 }, deleted: true }],
    )
    const [result] = await pending
    t.ok(['NONE', 'UNKNOWN_TOPIC_OR_PARTITION'].includes(result!.error), `it ends as ${result!.error}`)
    ;((await reading) as ReadOutcome).release()
    t.match(await read(logs, partition!, 0), { error: 'UNKNOWN_TOPIC_OR_PARTITION' })
    t.throws(() => logs.offsets(partition!), { name: 'UNKNOWN_TOPIC_OR_PARTITION' })

    const [again] = await create('doomed')
    t.not(again!.topicId, id)
    t.match(await read(logs, partition!, 0), { error: 'UNKNOWN_TOPIC_OR_PARTITION' }, 'the old one')
    t.same(await readAll(logs, again!), [], 'the new one is empty')
    t.match(await append(logs, again!, { values: ['new'] }), { baseOffset: 0 })
  })

  t.test(`${name}: the catalogue is a snapshot that changes one step at a time`, async t => {
    const { catalog } = await open(t)
    const before = catalog.current()
    const events: CatalogEvent[] = []
    catalog.onChange(event => events.push(event))
    const create = (name: string) =>
      catalog.change({
        type: 'create-topic',
        name,
        partitionCount: 2,
        configs: { 'retention.ms': '5', 'cleanup.policy': 'compact' },
      })
    const results = await Promise.allSettled([create('one'), create('one'), create('two')])
    t.same(
      results.map(result => result.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    t.match(results[1], { reason: { name: 'TOPIC_ALREADY_EXISTS' } })
    t.notOk(before.topics.has('one'), 'the old snapshot stays as it was')
    const one = catalog.current().topics.get('one')!
    t.equal(catalog.current().topicsById.get(one.id), one)
    t.match(one, { overrides: { 'retention.ms': '5' }, config: { retentionMs: 5 }, isInternal: false })
    t.match(one.partitions, [{ index: 0 }, { index: 1 }])
    t.same(
      events.flatMap(event => event.created.map(topic => topic.name)),
      ['one', 'two'],
    )
    await catalog.change({ type: 'delete-topic', id: one.id })
    t.same(
      events.at(-1)!.deleted.map(topic => topic.id),
      [one.id],
    )
    await t.rejects(catalog.change({ type: 'delete-topic', id: one.id }), { name: 'UNKNOWN_TOPIC_ID' })
    t.ok(
      (
        await catalog.change({
          type: 'create-topic',
          name: '__consumer_offsets',
          partitionCount: 1,
          configs: {},
        })
      ).topics.get('__consumer_offsets')!.isInternal,
    )
  })

  t.test(`${name}: what is stored is there after a restart`, async t => {
    const { logs, catalog, create, partition, engine } = await open(t)
    const [bounded] = await create('bounded', 1, { 'retention.ms': '5' })
    const gone = (await create('gone'))[0]!
    await append(logs, partition, { values: ['a', 'b'], producerId: 9, baseSequence: 0 })
    await append(logs, partition, { values: ['c'], timestamp: 1_800_000_000_000 })
    await append(logs, { ...partition, leaderEpoch: 3 } as PartitionRef, { values: ['d'] })
    await append(logs, bounded!, { values: ['x', 'y', 'z'] })
    await logs.deleteBefore(bounded!, 2)
    await append(logs, gone, { values: ['q'] })
    await catalog.change({ type: 'delete-topic', id: gone.topicId })
    const ids = await catalog.allocateProducerIds()
    t.ok(ids.count > 0)
    const before = catalog.current()
    await engine.close()

    const again = await engineUnderTest.reopen(t, engine)
    t.same([...again.catalog.current().topics.keys()].sort(), ['bounded', 'events'])
    t.same(again.catalog.current().topics.get('bounded'), before.topics.get('bounded'))
    t.same(await readAll(again.logs, partition), ['0:a', '1:b', '2:c', '3:d'])
    t.match(again.logs.offsets(partition), { logStartOffset: 0, highWatermark: 4, logEndOffset: 4 })
    t.match(again.logs.offsets(bounded!), { logStartOffset: 2, highWatermark: 3, logEndOffset: 3 })
    t.same(again.logs.epochEnd(partition, 0), { epoch: 0, endOffset: 3 })
    t.equal(again.logs.size(partition), logs.size(partition))
    t.match(await again.logs.maxTimestamp(partition), { offset: 2, timestampMs: 1_800_000_000_000 })
    const retry = { values: ['a', 'b'], producerId: 9, baseSequence: 0 }
    t.equal(summary(await append(again.logs, partition, retry)), 'duplicate of 0..2')
    t.equal(
      summary(await append(again.logs, partition, { producerId: 9, baseSequence: 3 })),
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
    )
    t.equal(summary(await append(again.logs, partition, { producerId: 9, baseSequence: 2 })), 'at 4..5')
    const next = await again.catalog.allocateProducerIds()
    t.ok(next.first >= ids.first + ids.count, 'producer ids are never given twice')
    await t.rejects(
      again.catalog.change({ type: 'create-topic', name: 'events', partitionCount: 1, configs: {} }),
    )
  })

  t.test(`${name}: a topic of the same name starts anew, also after restarts`, async t => {
    const first = await open(t)
    await append(first.logs, first.partition, { values: ['a', 'b', 'c', 'd', 'e'], producerId: 3 })
    await first.logs.deleteBefore(first.partition, 4)
    await first.engine.close()
    const second = await engineUnderTest.reopen(t, first.engine)
    await second.catalog.change({ type: 'delete-topic', id: first.partition.topicId })
    const snapshot = await second.catalog.change({
      type: 'create-topic',
      name: 'events',
      partitionCount: 1,
      configs: {},
    })
    const partition = snapshot.topics.get('events')!.partitions[0]!
    t.match(second.logs.offsets(partition), { logStartOffset: 0, logEndOffset: 0 })
    t.match(await append(second.logs, partition, { values: ['new'], producerId: 3, baseSequence: 70 }), {
      baseOffset: 0,
    })
    await second.close()
    const third = await engineUnderTest.reopen(t, second)
    t.same(await readAll(third.logs, partition), ['0:new'])
  })
}
