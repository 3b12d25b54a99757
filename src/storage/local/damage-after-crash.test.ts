/**
 * What is damaged or missing in a directory that a crash has left, where much may be missing for no other reason than
 * the crash: what tells the one from the other is noticed, and what was on disk is not written over.
 */
import * as fs from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { batchesIn, batchField, batchSize } from '../../../protocol-codecs/record-batch.ts'
import { raiseLeaderEpoch } from '../../../scripts/torture/bit-flips/small-catalogue.ts'
import { silentLogger } from '../../platform/logger.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import { append, openTestStorage, readAll, temporaryDirectory } from '../../testing/test-storage.ts'
import type { LocalStorage } from './local-storage.ts'

const count = 12

/** One partition of several segments, all on disk and checkpointed, left by a kill -9. */
async function crashedDirectory(t: Test, { deleteBefore = 0, isStopped = false } = {}): Promise<string> {
  const directory = temporaryDirectory(t)
  const clock = new ManualClock()
  const storage = await openTestStorage({ directory, clock })
  const configs = { 'internal.segment.bytes': '300', 'index.interval.bytes': '50' }
  const change = { type: 'create-topic' as const, name: 'events', partitionCount: 1, configs }
  const partition = (await storage.catalog.change(change)).topics.get('events')!.partitions[0]!
  for (let n = 0; n < count; n++) await append(storage.logs, partition, { values: [`v${n}`] })
  if (deleteBefore > 0) await storage.logs.deleteBefore(partition, deleteBefore)
  clock.advance(60_000)
  await storage.logs.idle()
  if (isStopped) await storage.close()
  const copy = temporaryDirectory(t)
  fs.cpSync(directory, copy, { recursive: true })
  fs.rmSync(join(copy, '.lock'), { force: true })
  await storage.close()
  return copy
}

async function open(t: Test, directory: string) {
  const remarks: string[] = []
  const note = (_: unknown, message?: string): void => {
    remarks.push(message ?? '')
  }
  const logger = { ...silentLogger, warn: note, error: note, child: () => logger }
  const storage = await openTestStorage({ directory, logger })
  t.teardown(() => storage.close())
  return { storage, remarks }
}

function copyOf(t: Test, directory: string): string {
  const copy = temporaryDirectory(t)
  fs.cpSync(directory, copy, { recursive: true })
  return copy
}

const eventsOf = (storage: LocalStorage) => storage.catalog.current().topics.get('events')!.partitions[0]!
const values = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => `${from + n}:v${from + n}`)

const segmentsIn = (directory: string) =>
  fs
    .readdirSync(join(directory, 'events-0'))
    .filter(name => name.endsWith('.log'))
    .sort()
    .map(name => join(directory, 'events-0', name))

t.test('nothing is said of a directory in which nothing is damaged', async t => {
  for (const deleteBefore of [0, 5]) {
    const { remarks, storage } = await open(t, await crashedDirectory(t, { deleteBefore }))
    t.same(remarks, [])
    t.same(await readAll(storage.logs, eventsOf(storage), deleteBefore), values(deleteBefore, count))
  }
})

t.test('what was known to be on disk and is gone from the end leaves its offsets unused', async t => {
  const directory = await crashedDirectory(t)
  const last = segmentsIn(directory).at(-1)!
  const first = Number(basename(last, '.log'))
  fs.truncateSync(last)
  const { remarks, storage } = await open(t, directory)
  t.ok(remarks.some(remark => /ends before what was known to be on disk/.test(remark)))
  const partition = eventsOf(storage)
  t.match(await append(storage.logs, partition, { values: ['new'] }), { baseOffset: count })
  t.same(await readAll(storage.logs, partition), [...values(0, first), `${count}:new`])
  await storage.close()
  const again = await open(t, directory)
  t.same(again.remarks, [], 'it is told of once')
})

t.test('a first segment that is missing is told of', async t => {
  const directory = await crashedDirectory(t)
  const [oldest, second] = segmentsIn(directory)
  fs.rmSync(oldest!)
  const { remarks, storage } = await open(t, directory)
  t.match(remarks, [/does not start where its first epoch does/])
  const start = Number(basename(second!, '.log'))
  t.same(await readAll(storage.logs, eventsOf(storage), start), values(start, count))
})

t.test('records that are back because the log start offset is lost are told of', async t => {
  const directory = await crashedDirectory(t, { deleteBefore: 5 })
  fs.rmSync(join(directory, 'log-start-offset-checkpoint'))
  const { remarks } = await open(t, directory)
  t.match(remarks, [/does not start where its first epoch does.*deleted and are back/])
})

t.test('a history of epochs is held against the batches, and made anew from them', async t => {
  const directory = await crashedDirectory(t, { isStopped: true })
  // Of a leader that came later, in the middle of a segment.
  const path = segmentsIn(directory)[1]!
  const first = Number(basename(path, '.log'))
  const second = batchSize(fs.readFileSync(path), 0)
  for (const segment of segmentsIn(directory).slice(1)) {
    const batches = fs.readFileSync(segment)
    for (const at of batchesIn(batches)) {
      if (segment !== path || at >= second) batches.writeInt32BE(1, at + batchField.partitionLeaderEpoch)
    }
    fs.writeFileSync(segment, batches)
  }
  await raiseLeaderEpoch(directory, 'events')
  const right = `0\n2\n0 0\n1 ${first + 1}\n`
  const damaged = [undefined, '', '0\n1\n0 0\n', right.slice(0, -3), right.replace('\n1 ', '\n3 ')]
  for (const offset of [first, first + 2, first + 3, count - 1]) damaged.push(`0\n2\n0 0\n1 ${offset}\n`)
  for (const text of [right, ...damaged]) {
    const copy = copyOf(t, directory)
    const epochsPath = join(copy, 'events-0', 'leader-epoch-checkpoint')
    if (text === undefined) fs.rmSync(epochsPath)
    else fs.writeFileSync(epochsPath, text)
    const { remarks, storage } = await open(t, copy)
    t.same(storage.logs.epochEnd(eventsOf(storage), 0), { epoch: 0, endOffset: first + 1 }, `${text}`)
    const told = remarks.filter(remark => /history of epochs/.test(remark))
    t.equal(told.length, text === right ? 0 : 1, `${text}: ${told}`)
  }
})

t.test(
  'a recovery point of the catalogue is not believed against its end and its high watermark',
  async t => {
    const directory = await crashedDirectory(t, { isStopped: true })
    const path = join(directory, 'recovery-point-offset-checkpoint')
    const damage = (text: string) => text.replace(/(__cluster_metadata 0 )(\d+)/, '$19$2')
    fs.writeFileSync(path, damage(fs.readFileSync(path, 'utf8')))
    const { remarks, storage } = await open(t, directory)
    t.match(remarks, [/a recovery point is not the end/])
    t.same(await readAll(storage.logs, eventsOf(storage)), values(0, count))
    await storage.close()
    // After a crash nothing else tells whether topics are lost.
    const crashed = await crashedDirectory(t)
    const crashedPath = join(crashed, 'recovery-point-offset-checkpoint')
    fs.writeFileSync(crashedPath, damage(fs.readFileSync(crashedPath, 'utf8')))
    await t.rejects(openTestStorage({ directory: crashed }), {
      name: 'DataDirectoryError',
      message: /recovery-point-offset-checkpoint says that it was on disk up to 9\d+; nothing was changed/,
    })
  },
)
