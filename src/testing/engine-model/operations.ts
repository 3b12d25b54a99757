/**
 * What a run does, each with how often. An operation asks the engine for something and says what the answer has to be;
 * answers that wait for the disk come during later steps.
 */
import { buildBatch } from '../../../protocol-codecs/build-batch.ts'
import { addToSequence, stampBatch } from '../../../protocol-codecs/record-batch.ts'
import type { AppendItem, AppendResult, PartitionRef } from '../../storage/partition-log.ts'
import {
  allocateProducerIds,
  alterConfigs,
  createPartitions,
  createTopic,
  deleteTopic,
} from './catalog-operations.ts'
import type { ModelBatch, PartitionModel } from './partition-model.ts'
import { ProducerModel } from './producer-model.ts'
import { expect } from './violation.ts'
import { newFault, type World } from './world.ts'

export interface Operation {
  readonly name: string
  readonly weight: number
  run(world: World): void | Promise<void>
}

/** Larger than any segment of a run. */
const tooLargeSize = 30_000
const unknownPartition: PartitionRef = { topicId: 'AAAAAAAAAAAAAAAAAAAAZg', topic: 'nowhere', index: 0 }

export const operations: readonly Operation[] = [
  { name: 'append', weight: 300, run: append },
  { name: 'repeated append', weight: 60, run: appendAgain },
  { name: 'read', weight: 250, run: read },
  { name: 'search by time', weight: 40, run: searchByTime },
  { name: 'wait for the disk', weight: 60, run: world => world.finishAll() },
  { name: 'pass time', weight: 40, run: passTime },
  { name: 'retention', weight: 10, run: retain },
  { name: 'delete records', weight: 20, run: deleteRecords },
  { name: 'create topic', weight: 15, run: createTopic },
  { name: 'delete topic', weight: 5, run: deleteTopic },
  { name: 'create partitions', weight: 6, run: createPartitions },
  { name: 'alter configs', weight: 14, run: alterConfigs },
  { name: 'allocate producer ids', weight: 5, run: allocateProducerIds },
  { name: 'close and open', weight: 7, run: world => world.closeCleanly() },
  { name: 'kill', weight: 3, run: world => world.end('kill') },
  { name: 'lose power', weight: 3, run: world => world.end('power loss') },
  { name: 'die at a write point', weight: 8, run: dieSoon },
  { name: 'fail', weight: 3, run: fail },
  { name: 'heal', weight: 12, run: heal },
]

const totalWeight = operations.reduce((sum, { weight }) => sum + weight, 0)

export function pickOperation(world: World): Operation {
  let at = world.random.below(totalWeight)
  for (const operation of operations) {
    at -= operation.weight
    if (at < 0) return operation
  }
  throw new Error('weights and their sum differ')
}

function somePartition(world: World): PartitionModel | undefined {
  const partitions = [...world.catalog.partitions()]
  return partitions.length === 0 ? undefined : world.random.pick(partitions)
}

/** What a batch is to become of. */
type Verdict =
  | { readonly kind: 'appended'; readonly batch: ModelBatch }
  | {
      readonly kind: 'duplicate'
      readonly of: { baseOffset: number; nextOffset: number }
      readonly isSure: boolean
    }
  | { readonly kind: 'refused'; readonly error: string }

interface Attempt {
  readonly partition: PartitionModel
  readonly bytes: Buffer
  readonly verdict: Verdict
}

interface BatchIdentity {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
}

/** Records whose times run with the clock, some late and some early; values of random length. */
function newBatch(world: World, identity?: BatchIdentity, recordCount = 1 + world.random.below(3)) {
  const { random } = world
  const timestamps = Array.from({ length: recordCount }, () => {
    const jitter = random.chance(10) ? random.below(400_000) - 300_000 : 0
    return world.nowMs + jitter
  })
  const records = timestamps.map(timestamp => ({
    timestamp,
    value: Buffer.alloc(random.below(random.chance(5) ? 150 : 40), random.below(256)),
  }))
  return { timestamps, bytes: buildBatch({ records, ...identity }) }
}

function attemptOf(world: World, partition: PartitionModel, identity: BatchIdentity | undefined): Attempt {
  const { timestamps, bytes } = newBatch(world, identity)
  const baseOffset = partition.end
  const stamped = Buffer.from(bytes)
  stampBatch(stamped, 0, baseOffset, partition.partition.leaderEpoch)
  const batch: ModelBatch = {
    baseOffset,
    nextOffset: baseOffset + timestamps.length,
    bytes: stamped,
    timestamps,
    maxTimestampMs: Math.max(...timestamps),
    producerId: identity?.producerId ?? -1,
    producerEpoch: identity?.producerEpoch ?? -1,
    baseSequence: identity?.baseSequence ?? -1,
  }
  return { partition, bytes, verdict: { kind: 'appended', batch } }
}

function append(world: World): void {
  const { random } = world
  const share = random.pick([1, 1, 2, 4])
  const chosen = [...world.catalog.partitions()].filter(() => random.below(share) === 0)
  const isSingle = random.chance(50)
  const partitions = isSingle && chosen.length > 0 ? [random.pick(chosen)] : chosen
  if (partitions.length === 0) return
  send(
    world,
    partitions.map(partition => attemptOf(world, partition, nextIdentity(world, partition))),
  )
}

function nextIdentity(world: World, partition: PartitionModel): BatchIdentity | undefined {
  const { random } = world
  if (random.chance(40)) return undefined
  let producers = [...partition.producers.values()]
  if (producers.length < 3 || random.chance(2)) {
    const producer = new ProducerModel(world.nextProducerId++)
    producer.epoch = 0
    if (random.chance(20)) producer.nextSequence = 2 ** 31 - 1 - random.below(4)
    producers = [producer]
  }
  const { id, epoch, nextSequence } = random.pick(producers)
  if (random.chance(4)) return { producerId: id, producerEpoch: epoch + 1, baseSequence: 0 }
  return { producerId: id, producerEpoch: epoch, baseSequence: nextSequence }
}

/** What a producer sends again, or wrongly; and a batch that fits into no segment. */
function appendAgain(world: World): void {
  const { random } = world
  const partition = somePartition(world)
  if (partition === undefined) return
  const refused = (bytes: Buffer, error: string): void =>
    send(world, [{ partition, bytes, verdict: { kind: 'refused', error } }])
  if (random.chance(3)) {
    const value = Buffer.alloc(tooLargeSize)
    refused(buildBatch({ records: [{ value }], timestamp: world.nowMs }), 'RECORD_LIST_TOO_LARGE')
    return
  }
  const producers = [...partition.producers.values()].filter(producer => !producer.mayBeForgotten)
  if (producers.length === 0) return
  const producer = random.pick(producers)
  const producerId = producer.id
  const producerEpoch = producer.epoch
  if (random.chance(15)) {
    const baseSequence = addToSequence(producer.nextSequence, 1 + random.below(10))
    refused(
      newBatch(world, { producerId, producerEpoch, baseSequence }).bytes,
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
    )
  } else if (producerEpoch > 0 && random.chance(20)) {
    const identity = { producerId, producerEpoch: producerEpoch - 1, baseSequence: producer.nextSequence }
    refused(newBatch(world, identity).bytes, 'INVALID_PRODUCER_EPOCH')
  } else {
    const { batch, isCertain } = random.pick(producer.known)
    const { baseOffset, nextOffset, baseSequence } = batch
    const { bytes } = newBatch(world, { producerId, producerEpoch, baseSequence }, nextOffset - baseOffset)
    const verdict = { kind: 'duplicate' as const, of: { baseOffset, nextOffset }, isSure: isCertain }
    send(world, [{ partition, bytes, verdict }])
  }
}

function send(world: World, attempts: readonly Attempt[]): void {
  const { process, catalog } = world
  const durability = world.random.chance(80) ? 'durable' : 'written'
  const struckBefore = process.struckCount
  // Where acks may not wait for the disk now, or in a moment, nothing is promised.
  const isPromised = attempts.map(({ partition }) => {
    const configs = catalog.possibleConfigs(catalog.topicOf(partition))
    return durability === 'durable' && !configs.some(({ writeCaching }) => writeCaching)
  })
  const items = attempts.map(
    ({ partition, bytes }): AppendItem => ({
      partition: partition.partition,
      batch: bytes,
      origin: 'client',
    }),
  )
  const answer = world.storage.logs.append(items, durability)
  for (const { partition, verdict } of attempts) {
    if (verdict.kind !== 'appended') continue
    const isIn = endOf(world, partition)
    if (isIn === partition.end && !process.disk.isDead) {
      // Nothing was written; the answer must have a good reason.
      continue
    }
    partition.appended(verdict.batch, isIn === verdict.batch.nextOffset)
    noteProducer(partition, verdict.batch)
    world.count('batches')
  }
  const check = (results: readonly AppendResult[]): void => {
    for (const [i, result] of results.entries())
      checkAnswer(world, attempts[i]!, result, isPromised[i]!, struckBefore)
  }
  if (answer instanceof Promise) world.begin(answer, check, throwAgain)
  else if (!process.disk.isDead) check(answer)
}

/** undefined: that cannot be known. */
function endOf(world: World, partition: PartitionModel): number | undefined {
  const topic = world.catalog.topicOf(partition)
  return world.process.disk.isDead ? undefined : world.offsets(partition, topic)?.logEndOffset
}

function noteProducer(partition: PartitionModel, batch: ModelBatch): void {
  if (batch.producerId < 0) return
  let producer = partition.producers.get(batch.producerId)
  if (producer === undefined) {
    producer = new ProducerModel(batch.producerId)
    partition.producers.set(batch.producerId, producer)
  }
  producer.appended(batch)
}

function checkAnswer(
  world: World,
  { partition, verdict }: Attempt,
  result: AppendResult,
  isPromised: boolean,
  struckBefore: number,
): void {
  const title = () =>
    `${partition.name}: ${JSON.stringify(result)} for ${JSON.stringify({ ...verdict, batch: 0 })}`
  if (result.error === 'KAFKA_STORAGE_ERROR' || result.error === 'UNKNOWN_TOPIC_OR_PARTITION') {
    const isGone = result.error === 'UNKNOWN_TOPIC_OR_PARTITION' && !isThere(world, partition)
    if (!isGone) expect(world.tolerates(struckBefore, partition), 'send failed', title)
    world.count('storage errors')
    return
  }
  if (verdict.kind === 'refused') {
    expect(result.error === verdict.error, 'sequence refused', title)
    return
  }
  if (verdict.kind === 'duplicate' && !verdict.isSure && result.error === 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    return
  expect(result.error === 'NONE', 'sequence refused', title)
  const wanted = verdict.kind === 'duplicate' ? verdict.of : verdict.batch
  const isRight =
    result.duplicate === (verdict.kind === 'duplicate') && result.baseOffset === wanted.baseOffset
  expect(isRight && result.nextOffset === wanted.nextOffset, 'duplicated', title)
  if (!isPromised) return
  partition.promise(result.nextOffset)
  world.count('acks')
}

function isThere(world: World, { partition }: PartitionModel): boolean {
  const topic = world.catalog.find(partition.topicId)
  return topic !== undefined && !world.catalog.mayBeGone(topic)
}

function throwAgain(error: unknown): never {
  throw error
}

function read(world: World): void {
  const { random, process } = world
  const items: {
    model: PartitionModel | undefined
    offset: number
    maxBytes: number
    seenStart: number
    seenEnd: number
  }[] = []
  for (let i = 1 + random.below(4); i > 0; i--) {
    const model = random.chance(1) ? undefined : somePartition(world)
    if (model === undefined && !random.chance(10)) continue
    const { start, end, highWatermark } = model ?? { start: 0, end: 0, highWatermark: 0 }
    const offset = Math.max(
      0,
      random.chance(20) ? end - 2 + random.below(5) : start + random.below(end - start + 1),
    )
    const maxBytes = random.chance(30) ? random.below(200) : random.below(5000)
    items.push({ model, offset, maxBytes, seenStart: start, seenEnd: highWatermark })
  }
  if (items.length === 0) return
  const struckBefore = process.struckCount
  const maxBytes = random.chance(30) ? random.below(2000) : 100_000
  const outcome = world.storage.logs.read(
    items.map(({ model, offset, maxBytes }) => ({
      partition: model?.partition ?? unknownPartition,
      offset,
      maxBytes,
      isolation: random.chance(50) ? 'read_committed' : 'read_uncommitted',
    })),
    maxBytes,
  )
  const check = (outcome: Awaited<ReturnType<typeof world.storage.logs.read>>): void => {
    let room = maxBytes
    let isFirst = true
    for (const [i, { model, offset, maxBytes, ...seen }] of items.entries()) {
      const result = outcome.results[i]!
      if (result.error === 'UNKNOWN_TOPIC_OR_PARTITION') {
        const isGone = model === undefined || !isThere(world, model)
        expect(isGone, 'topic gone', () => `${model!.name} is not there`)
        continue
      }
      if (model === undefined) expect(false, 'never sent', () => 'a topic that never was is there')
      if (result.error === 'KAFKA_STORAGE_ERROR') {
        expect(world.tolerates(struckBefore, model), 'send failed', () => `${model.name} cannot be read`)
        continue
      }
      // A topic that was deleted meanwhile is nobody's concern.
      if (isThere(world, model))
        model.checkRead(offset, result, { room: Math.min(maxBytes, room), isFirst, ...seen })
      room -= result.size
      if (result.size > 0) isFirst = false
    }
    outcome.release()
  }
  if (!(outcome instanceof Promise)) {
    if (!process.disk.isDead) check(outcome)
    return
  }
  world.count('cold reads')
  world.begin(outcome, check, throwAgain)
}

async function searchByTime(world: World): Promise<void> {
  const { random, process } = world
  const model = somePartition(world)
  if (model === undefined) return
  const topic = world.catalog.topicOf(model)
  const struckBefore = process.struckCount
  const first = model.batches[model.indexAt(model.start)]?.timestamps[0] ?? world.nowMs
  const timestampMs = first - 1000 + random.below(world.nowMs - first + 100_000)
  const isForMax = random.chance(15)
  try {
    const wanted = isForMax ? model.maxTimestamp() : model.offsetAt(timestampMs)
    const { logs } = world.storage
    const found = isForMax
      ? await logs.maxTimestamp(model.partition)
      : await logs.offsetAt(model.partition, timestampMs, 'read_uncommitted')
    const what = isForMax ? 'the largest time' : `time ${timestampMs}`
    expect((found?.offset ?? -1) === wanted, 'damaged', () => {
      return `${model.name}: ${what} at ${found?.offset}, not at ${wanted}`
    })
    const epoch = logs.epochEnd(model.partition, 0)
    const isEmpty = epoch.endOffset === -1 && model.end === model.start
    expect(isEmpty || epoch.endOffset === model.end, 'damaged', () => {
      return `${model.name}: epoch 0 ends at ${epoch.endOffset}, not at ${model.end}`
    })
  } catch (error) {
    if ((error as Error).name === 'ModelViolation') throw error
    world.requireTolerable(error, model, topic, struckBefore)
  }
}

function passTime(world: World): void {
  const { random, process } = world
  process.clock.advance(random.pick([10, 500, 3000, 20_000, 60_000]))
}

function retain(world: World): void {
  const { process, storage } = world
  if (world.random.chance(30)) process.clock.advance(300_000)
  world.begin(storage.retention.run(), () => {}, throwAgain)
}

function deleteRecords(world: World): void {
  const { random, process } = world
  const model = somePartition(world)
  if (model === undefined) return
  const topic = world.catalog.topicOf(model)
  const struckBefore = process.struckCount
  const room = Math.max(0, model.highWatermark - model.start)
  const offset =
    model.start + (random.chance(20) ? random.below(room + 1) : random.below(Math.min(room, 6) + 1))
  const deletion = world.storage.logs.deleteBefore(model.partition, offset)
  // It has moved by now, if it was to move.
  if (offset > model.start && endOf(world, model) !== undefined) model.start = offset
  model.highestStart = Math.max(model.highestStart, offset)
  world.begin(
    deletion,
    start => {
      expect(
        start >= offset,
        'wrong log start',
        () => `${model.name}: ${start} after deletion below ${offset}`,
      )
      model.promisedStart = Math.max(model.promisedStart, offset)
    },
    error => isThere(world, model) && world.requireTolerable(error, model, topic, struckBefore),
  )
}

function dieSoon(world: World): void {
  const { disk } = world.process
  disk.diesAt = Math.min(disk.diesAt, disk.writePoints + world.random.below(40))
}

function fail(world: World): void {
  world.process.fault = newFault(world.random)
}

function heal(world: World): void {
  world.process.fault = undefined
}
