/**
 * Power losses at random moments of a random run over topics of several partitions, which share the journal: what was
 * acknowledged with acks=all, created, deleted or allocated must be there in whatever the disk may be left with, except
 * what retention has let go; nothing else may be; and a log never ends before what was acknowledged. Some losses
 * come while the start after another one is under way. In one log directory, and in two, of which the second takes
 * every other partition. Repeat a failure with `SEED=...`.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ManualClock } from '../../testing/manual-clock.ts'
import { type PowerLossDisk, powerLossDisk } from '../../testing/power-loss-disk.ts'
import {
  logOf,
  openTestStorage,
  readAll,
  temporaryDirectory,
  testBatch,
  turn,
} from '../../testing/test-storage.ts'
import type { CatalogPartition } from '../topic-catalog.ts'
import type { LocalStorage } from './local-storage.ts'

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const runs = Number(process.env.RUNS ?? 1)
const steps = 150

function generator(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return ((state >>> 8) * 2 ** -24 * below) | 0
  }
}

interface Expected {
  readonly partition: CatalogPartition
  /** Values by offset, of all that was appended. */
  readonly values: string[]
  readonly batchEnds: number[]
  acknowledged: number
  deletedBefore: number
  /** While write.caching is on, and until everything from then is on disk, nothing is promised. */
  isRelaxed: boolean
  nextSequence: number
  lastSequence: number
  lastOffset: number
}

class Run {
  readonly expected = new Map<string, Expected>()
  readonly deleted = new Set<string>()
  readonly pending: Promise<void>[] = []
  idsBelow = 0
  lossCount = 0
  private readonly t: Test
  private readonly random: (below: number) => number
  private readonly folder: string
  private readonly directory: string
  private readonly clock = new ManualClock()
  private readonly disk: PowerLossDisk
  private storage!: LocalStorage

  /** Names of the log directories within `directory`. */
  private readonly names: readonly string[]

  constructor(t: Test, random: (below: number) => number, names: readonly string[]) {
    this.t = t
    this.names = names
    this.random = random
    this.folder = temporaryDirectory(t)
    this.directory = join(this.folder, 'live')
    fs.mkdirSync(this.directory)
    this.disk = powerLossDisk(this.directory)
  }

  async open(): Promise<void> {
    const { directory, disk, clock } = this
    this.storage = await openTestStorage({ ...this.placesIn(directory), disk, clock })
  }

  private placesIn(folder: string) {
    const directories = this.names.map(name => join(folder, name))
    return { directory: directories[0]!, directories }
  }

  close(): Promise<void> {
    return this.storage.close()
  }

  private newFolder(): string {
    const path = join(this.folder, `loss-${this.lossCount++}`)
    fs.mkdirSync(path)
    return path
  }

  async lose(): Promise<void> {
    const { disk, random } = this
    let image = this.newFolder()
    disk.loseInto(image, random)
    const promised = this.promises()
    const images = [image]
    for (let again = random(3); again > 0; again--) {
      // The power fails once more while the broker starts, or when it has started.
      const startDisk = powerLossDisk(image)
      const places = this.placesIn(image)
      const starting = openTestStorage({ ...places, disk: startDisk, clock: new ManualClock() })
      for (let turns = random(40); turns > 0; turns--) await turn()
      const next = this.newFolder()
      startDisk.loseInto(next, random)
      await (await starting).close()
      image = next
      images.push(image)
    }
    await this.check(image, promised)
    for (const path of images) fs.rmSync(path, { recursive: true })
  }

  private promises() {
    return {
      ids: this.idsBelow,
      deleted: new Set(this.deleted),
      logs: [...this.expected.values()].map(entry => ({
        ...entry,
        values: [...entry.values],
        batchEnds: [...entry.batchEnds],
        start: logOf(this.storage, entry.partition.topic, entry.partition.index).logStartOffset,
      })),
    }
  }

  private async check(image: string, promised: ReturnType<Run['promises']>): Promise<void> {
    const { t, lossCount } = this
    const storage = await openTestStorage({ ...this.placesIn(image), clock: new ManualClock() })
    for (const entry of promised.logs) {
      const { partition, values, acknowledged, deletedBefore, start } = entry
      const title = `loss ${lossCount}, ${partition.topic}-${partition.index}`
      const { logStartOffset, logEndOffset } = storage.logs.offsets(partition)
      if (entry.isRelaxed) continue
      const found = await readAll(storage.logs, partition, logStartOffset)
      const wanted = values
        .slice(logStartOffset, logEndOffset)
        .map((value, i) => `${logStartOffset + i}:${value}`)
      if (found.join() !== wanted.join()) t.same(found, wanted, title)
      if (logStartOffset < deletedBefore || logStartOffset > start)
        t.fail(`${title}: log start ${logStartOffset}, not ${deletedBefore} to ${start}`)
      if (logEndOffset < acknowledged) t.fail(`${title}: log end ${logEndOffset}, not ${acknowledged}`)
      if (logEndOffset > values.length) t.fail(`${title}: log end ${logEndOffset} of ${values.length}`)
      if (entry.lastSequence < 0 || entry.lastOffset < logStartOffset) continue
      // A snapshot, which may be all that is left of a producer, has only its last batch, as in Kafka.
      if (entry.batchEnds.some(end => end > entry.lastOffset + 1 && end <= logEndOffset)) continue
      const batch = testBatch({ producerId: 1, baseSequence: entry.lastSequence, values: ['retry'] })
      const [result] = await storage.logs.append([{ partition, batch, origin: 'client' }], 'durable')
      if (result!.error !== 'NONE' || !result!.duplicate) t.fail(`${title}: retry ${JSON.stringify(result)}`)
    }
    for (const id of promised.deleted)
      if (storage.catalog.current().topicsById.has(id)) t.fail(`${id} is back`)
    const { first } = await storage.catalog.allocateProducerIds()
    if (first < promised.ids) t.fail(`producer ids ${first} again`)
    await storage.close()
  }

  async step(): Promise<void> {
    const { random, expected, storage, clock } = this
    const entries = [...expected.values()]
    const entry = entries[random(entries.length)]
    const kind = random(100)
    if (entry === undefined || kind < 4) await this.createTopic(`topic-${random(3)}`)
    else if (kind < 6) await this.deleteTopic(entry.partition)
    else if (kind < 10) await this.deleteRecords(entry)
    else if (kind < 12) {
      const { first, count } = await storage.catalog.allocateProducerIds()
      this.idsBelow = first + count
    } else if (kind < 16) {
      clock.advance(random(2) * 300_000 + 60_000)
      if (random(2) > 0) await storage.retention.idle()
    } else if (kind < 18) {
      await Promise.all(this.pending.splice(0))
      await storage.close()
      await this.open()
    } else if (kind < 19) await this.toggleCaching(entry)
    else if (kind < 26) await this.lose()
    else this.append(entries)
    // Sometimes the next step, or the power loss, comes while syncs are under way.
    if (random(4) === 0) await Promise.all(this.pending.splice(0))
    else if (random(3) === 0) await turn()
  }

  private async createTopic(name: string): Promise<void> {
    const { random, storage } = this
    if (storage.catalog.current().topics.has(name)) return
    const configs = {
      'internal.segment.bytes': ['800', '1200', '5000'][random(3)]!,
      'index.interval.bytes': '100',
      'retention.bytes': ['-1', '0', '1000'][random(3)]!,
      'file.delete.delay.ms': '1000',
    }
    const partitionCount = 1 + random(6)
    const snapshot = await storage.catalog.change({ type: 'create-topic', name, partitionCount, configs })
    for (const partition of snapshot.topics.get(name)!.partitions) {
      this.expected.set(`${partition.topicId}:${partition.index}`, {
        partition,
        values: [],
        batchEnds: [],
        acknowledged: 0,
        deletedBefore: 0,
        isRelaxed: false,
        nextSequence: 0,
        lastSequence: -1,
        lastOffset: -1,
      })
    }
  }

  private async deleteTopic({ topicId }: CatalogPartition): Promise<void> {
    for (const key of this.expected.keys()) if (key.startsWith(topicId)) this.expected.delete(key)
    await this.storage.catalog.change({ type: 'delete-topic', id: topicId })
    this.deleted.add(topicId)
  }

  private async deleteRecords(entry: Expected): Promise<void> {
    const room = Math.max(0, entry.acknowledged - entry.deletedBefore)
    const offset = entry.deletedBefore + this.random(room + 1)
    await this.storage.logs.deleteBefore(entry.partition, offset)
    entry.deletedBefore = Math.max(entry.deletedBefore, offset)
  }

  /** write.caching on, some appends, and off again: what comes then is promised again, and what was there before. */
  private async toggleCaching({ partition }: Expected): Promise<void> {
    const entries = [...this.expected.values()].filter(other => other.partition.topicId === partition.topicId)
    const set = (value: string) =>
      this.storage.catalog.change({
        type: 'alter-configs',
        alterations: [
          { resource: { type: 'topic', name: partition.topic }, configs: { 'write.caching': value } },
        ],
      })
    for (const entry of entries) entry.isRelaxed = true
    await set('true')
    this.append(entries)
    if (this.random(2) === 0) await turn()
    await set('false')
    this.append(entries)
    await Promise.all(this.pending.splice(0))
    await this.storage.logs.idle()
    for (const entry of entries) entry.isRelaxed = false
  }

  /** A batch for each of some partitions in one call, as one Produce request brings them. */
  private append(entries: readonly Expected[]): void {
    const { random, storage, expected } = this
    const share = 1 + random(3)
    const chosen = entries.filter(() => random(share) === 0)
    if (chosen.length === 0) return
    const appends = chosen.map(entry => {
      const { partition, values: before } = entry
      const values = Array.from({ length: 1 + random(3) }, (_, n) =>
        `${partition.topicId.slice(0, 4)}-${partition.index} ${before.length + n}`.padEnd(random(200), '.'),
      )
      before.push(...values)
      entry.batchEnds.push(before.length)
      const baseSequence = entry.nextSequence
      entry.nextSequence += values.length
      return { entry, values, baseSequence, endOffset: before.length }
    })
    const items = appends.map(({ entry, values, baseSequence }) => ({
      partition: entry.partition,
      batch: testBatch({ values, producerId: 1, baseSequence }),
      origin: 'client' as const,
    }))
    const work = Promise.resolve(storage.logs.append(items, 'durable')).then(results => {
      for (const [i, { entry, values, baseSequence, endOffset }] of appends.entries()) {
        if (!expected.has(`${entry.partition.topicId}:${entry.partition.index}`)) continue
        const { error, ...result } = results[i]!
        if (error !== 'NONE') throw new Error(error)
        entry.acknowledged = Math.max(entry.acknowledged, endOffset)
        if (entry.lastOffset > endOffset - 1) continue
        entry.lastOffset = endOffset - 1
        entry.lastSequence = values.length === 1 ? baseSequence : -1
        if ('nextOffset' in result) this.t.equal(result.nextOffset, endOffset)
      }
    })
    this.pending.push(work)
  }
}

for (const names of [['.'], ['a', 'b']]) {
  t.test(`${runs} runs in log directories ${names}, seed ${seed}`, async t => {
    const random = generator(seed)
    for (let n = 0; n < runs; n++) {
      const run = new Run(t, random, names)
      await run.open()
      for (let i = 0; i < steps; i++) await run.step()
      await Promise.all(run.pending.splice(0))
      await run.lose()
      await run.close()
      await run.lose()
      t.pass(`run ${n}: ${run.lossCount} losses`)
    }
  })
}
