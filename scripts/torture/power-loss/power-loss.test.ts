/** What a run of power-loss judges by: places of answers, acknowledgements before their sync, what a start may find. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { systemDisk } from '../../../src/platform/disk.ts'
import { CrashModel } from '../../../src/testing/crash-model.ts'
import { recordingDisk } from '../../../src/testing/recording-disk.ts'
import { openTestStorage, testBatch } from '../../../src/testing/test-storage.ts'
import { findEarlyAnswers } from './ack-order.ts'
import { Expectations } from './expected.ts'
import { noPromises, placesOf } from './promises.ts'
import { type RecordedEvent, readRecording, writeRecording } from './recording.ts'

const folder = mkdtempSync(join(tmpdir(), 'power-loss-test-'))
t.teardown(() => rmSync(folder, { recursive: true }))

/** Three partitions get a batch each in one call, which is answered when that is durable, or before. */
async function record(isEarly: boolean) {
  const directory = mkdtempSync(join(folder, 'data-'))
  const events: RecordedEvent[] = []
  const disk = recordingDisk(systemDisk(), directory, event => {
    events.push(event.type === 'write' ? { ...event, bytes: Buffer.from(event.bytes) } : event)
  })
  const storage = await openTestStorage({ directory, disk })
  const promises = noPromises()
  const answer = () => {
    events.push({ type: 'sent', port: 1, bytes: events.length })
    return { port: 1, bytes: events.length - 1 }
  }
  const change = { type: 'create-topic' as const, name: 'events', partitionCount: 3, configs: {} }
  const { partitions } = (await storage.catalog.change(change)).topics.get('events')!
  promises.topics.push({ name: 'events', partitionCount: 3, incarnation: 0, created: answer() })
  for (const values of [['a'], ['b', 'c']]) {
    const items = partitions.map(partition => ({
      partition,
      batch: testBatch({ values }),
      origin: 'client' as const,
    }))
    const appended = storage.logs.append(items, 'durable')
    const early = answer()
    const results = await appended
    const answered = isEarly ? early : answer()
    for (const [partition, { error, ...result }] of results.entries()) {
      t.equal(error, 'NONE')
      const { baseOffset = -1 } = result as { baseOffset?: number }
      promises.batches.push({
        topic: 0,
        partition,
        producerId: -1,
        baseSequence: -1,
        values,
        baseOffset,
        answered,
      })
    }
  }
  await storage.close()
  return { events, promises }
}

t.test('an answer after the sync is none to complain of, also where the journal stands for it', async t => {
  const { events, promises } = await record(false)
  t.ok(events.some(event => event.type === 'link' && event.name === '__journal-0'))
  t.same(findEarlyAnswers(events, promises), [])
})

t.test('an answer before the sync, or without, is noticed', async t => {
  const early = await record(true)
  t.equal(findEarlyAnswers(early.events, early.promises).length, 6)
  const { events, promises } = await record(false)
  const unsynced = events.filter(event => event.type !== 'syncing' && event.type !== 'synced')
  const moved = {
    ...promises,
    batches: promises.batches.map(batch => ({ ...batch, answered: { port: 2, bytes: 1 } })),
  }
  const found = findEarlyAnswers([...unsynced, { type: 'sent', port: 2, bytes: 1 }], moved)
  t.equal(found.length, 6)
  t.match(found[0], { kind: 'acknowledged before its sync', text: /on disk never/ })
})

t.test('a sync of a directory counts as one of a file does', async t => {
  const { events, promises } = await record(false)
  const root = events.filter(
    event => !((event.type === 'syncing' || event.type === 'synced') && event.node === 0),
  )
  t.equal(findEarlyAnswers(root, promises).length, 6)
})

t.test('the place of an answer is the first mark that reaches its end', t => {
  const placeOf = placesOf([
    { type: 'sent', port: 1, bytes: 10 },
    { type: 'sent', port: 2, bytes: 90 },
    { type: 'sent', port: 1, bytes: 30 },
  ])
  t.same(
    [placeOf({ port: 1, bytes: 10 }), placeOf({ port: 1, bytes: 11 }), placeOf({ port: 2, bytes: 5 })],
    [0, 2, 1],
  )
  t.throws(() => placeOf({ port: 1, bytes: 31 }))
  t.end()
})

t.test('what a start may find grows with the answers', async t => {
  const { events, promises } = await record(false)
  const expectations = new Expectations(events, promises)
  const ends: number[] = []
  for (const [place, event] of events.entries()) {
    expectations.passed(place, event)
    const [log] = expectations.at(place).logs
    if (log === undefined || ends.at(-1) === log.acknowledgedEnd) continue
    ends.push(log.acknowledgedEnd)
    t.same(log.values, ['a', 'b', 'c'])
  }
  t.same(ends, [0, 1, 3])
})

t.test('a recording is read as it was written, and images are made of it', async t => {
  const { events } = await record(false)
  const path = join(folder, 'recording')
  const recording = writeRecording(path)
  for (const event of events) recording.add(event)
  recording.close()
  const again = readRecording(path)
  t.same(again, events)
  const model = new CrashModel()
  for (const event of again) if (event.type !== 'sent') model.apply(event)
  const names = (style: 'nothing' | 'everything'): string[] => {
    const image = join(folder, style)
    mkdirSync(image)
    model.writeImage(image, () => 0, style)
    return readdirSync(image).sort()
  }
  const everything = names('everything')
  t.ok(everything.includes('.kafka_cleanshutdown') && !everything.includes('__journal-0'), everything.join())
  t.same(names('nothing'), everything, 'after an orderly stop everything is synced')
})
