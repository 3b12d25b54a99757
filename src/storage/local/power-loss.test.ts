/**
 * Power losses at random moments of a random run: what was acknowledged with acks=all, created, deleted or
 * allocated must be there in whatever the disk may be left with, except what retention has let go; and a log
 * never ends before what was acknowledged. Repeat a failure with `SEED=...`.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ManualClock } from '../../testing/manual-clock.ts'
import { powerLossDisk } from '../../testing/power-loss-disk.ts'
import {
  logOf,
  openTestStorage,
  readAll,
  temporaryDirectory,
  testBatch,
  turn,
} from '../../testing/test-storage.ts'
import type { CatalogPartition } from '../topic-catalog.ts'

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const runs = Number(process.env.RUNS ?? 2)

function generator(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return ((state >>> 8) * 2 ** -24 * below) | 0
  }
}

interface Expected {
  readonly partition: CatalogPartition
  /** Values by offset, as far as they were acknowledged. */
  readonly values: string[]
  acknowledged: number
  deletedBefore: number
  nextSequence: number
  lastSequence: number
  lastOffset: number
}

t.test(`${runs} runs, seed ${seed}`, async t => {
  const random = generator(seed)
  for (let run = 0; run < runs; run++) {
    const folder = temporaryDirectory(t)
    const directory = join(folder, 'live')
    fs.mkdirSync(directory)
    const clock = new ManualClock()
    const disk = powerLossDisk(directory)
    let storage = await openTestStorage({ directory, disk, clock })
    let expected = new Map<string, Expected>()
    const deleted = new Set<string>()
    let idsBelow = 0
    let losses = 0

    async function lose(): Promise<void> {
      const target = join(folder, `loss-${losses++}`)
      fs.mkdirSync(target)
      disk.loseInto(target, random)
      const promised = [...expected.values()].map(entry => ({
        ...entry,
        values: [...entry.values],
        start: deleted.has(entry.partition.topicId)
          ? 0
          : logOf(storage, entry.partition.topic).logStartOffset,
      }))
      const idsPromised = idsBelow
      const deletedIds = new Set(deleted)
      const again = await openTestStorage({ directory: target, clock: new ManualClock() })
      for (const entry of promised) {
        const { partition, values, acknowledged, deletedBefore, start } = entry
        if (deleted.has(partition.topicId)) continue
        const title = `run ${run}, loss ${losses}, ${partition.topic}`
        const offsets = again.logs.offsets(partition)
        const from = Math.max(offsets.logStartOffset, deletedBefore)
        const found = await readAll(again.logs, partition, offsets.logStartOffset)
        const wanted = values.slice(from, acknowledged).map((value, i) => `${from + i}:${value}`)
        const compared = found.filter(record => Number.parseInt(record, 10) >= from).slice(0, wanted.length)
        if (compared.join() !== wanted.join()) t.same(compared, wanted, title)
        if (offsets.logStartOffset < deletedBefore || offsets.logStartOffset > start) {
          t.fail(`${title}: log start ${offsets.logStartOffset}, not ${deletedBefore} to ${start}`)
        }
        if (offsets.logEndOffset < acknowledged) t.fail(`${title}: log end ${offsets.logEndOffset}`)
        if (entry.lastSequence < 0 || entry.lastOffset < offsets.logStartOffset) continue
        const batch = testBatch({ producerId: 1, baseSequence: entry.lastSequence, values: ['retry'] })
        const [result] = await again.logs.append([{ partition, batch, origin: 'client' }], 'durable')
        if (result!.error !== 'NONE' || !result!.duplicate)
          t.fail(`${title}: retry ${JSON.stringify(result)}`)
      }
      for (const id of deletedIds) if (again.catalog.current().topicsById.has(id)) t.fail(`${id} is back`)
      const { first } = await again.catalog.allocateProducerIds()
      if (first < idsPromised) t.fail(`producer ids ${first} again`)
      await again.close()
      fs.rmSync(target, { recursive: true })
    }

    async function step(): Promise<void> {
      const entries = [...expected.values()]
      const entry = entries[random(entries.length)]
      const kind = random(100)
      if (entry === undefined || kind < 4) {
        const name = `topic-${random(4)}`
        if (storage.catalog.current().topics.has(name)) return
        const retention = {
          'retention.bytes': ['-1', '0', '1000'][random(3)]!,
          'file.delete.delay.ms': '1000',
        }
        const configs = { 'internal.segment.bytes': '600', 'index.interval.bytes': '100', ...retention }
        const snapshot = await storage.catalog.change({
          type: 'create-topic',
          name,
          partitionCount: 1,
          configs,
        })
        const partition = snapshot.topics.get(name)!.partitions[0]!
        expected.set(partition.topicId, {
          partition,
          values: [],
          acknowledged: 0,
          deletedBefore: 0,
          nextSequence: 0,
          lastSequence: -1,
          lastOffset: -1,
        })
      } else if (kind < 6) {
        expected.delete(entry.partition.topicId)
        await storage.catalog.change({ type: 'delete-topic', id: entry.partition.topicId })
        deleted.add(entry.partition.topicId)
      } else if (kind < 10) {
        const offset = entry.deletedBefore + random(Math.max(0, entry.acknowledged - entry.deletedBefore) + 1)
        await storage.logs.deleteBefore(entry.partition, offset)
        entry.deletedBefore = Math.max(entry.deletedBefore, offset)
      } else if (kind < 12) {
        const { first, count } = await storage.catalog.allocateProducerIds()
        idsBelow = first + count
      } else if (kind < 16) {
        clock.advance(random(2) * 300_000 + 60_000)
        if (random(2) > 0) await storage.retention.idle()
      } else if (kind < 18) {
        await storage.close()
        storage = await openTestStorage({ directory, disk, clock })
      } else if (kind < 26) await lose()
      else {
        const value = `${entry.partition.topic} ${entry.values.length}`.padEnd(random(200))
        const baseSequence = entry.nextSequence++
        const batch = testBatch({ values: [value], producerId: 1, baseSequence })
        const appended = storage.logs.append(
          [{ partition: entry.partition, batch, origin: 'client' }],
          'durable',
        )
        entry.values.push(value)
        const noted = Promise.resolve(appended).then(([result]) => {
          if (deleted.has(entry.partition.topicId) || !expected.has(entry.partition.topicId)) return
          if (result?.error !== 'NONE') throw new Error(result?.error)
          entry.acknowledged = Math.max(entry.acknowledged, result.nextOffset)
          if (result.baseOffset < entry.lastOffset) return
          entry.lastSequence = baseSequence
          entry.lastOffset = result.baseOffset
        })
        // Sometimes the next step, or the power loss, comes while the sync is under way.
        if (random(3) > 0) await noted
        else pending.push(noted)
        if (random(10) === 0) await turn()
      }
      if (kind >= 16 && kind < 18) await Promise.all(pending.splice(0))
    }

    const pending: Promise<void>[] = []
    for (let i = 0; i < 150; i++) {
      await step()
      if (random(8) === 0) await Promise.all(pending.splice(0))
    }
    await Promise.all(pending.splice(0))
    await lose()
    await storage.close()
    await lose()
    t.pass(`run ${run}: ${losses} losses`)
    expected = new Map()
  }
})
