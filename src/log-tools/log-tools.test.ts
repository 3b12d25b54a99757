/** What verify finds and repair mends, on a data directory that the engine has written and a test has damaged. */
import * as fs from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { batchField, batchSize } from '../../protocol-codecs/record-batch.ts'
import { systemDisk } from '../platform/disk.ts'
import type { LocalStorage } from '../storage/local/local-storage.ts'
import { append, openTestStorage, readAll, temporaryDirectory, testBatch } from '../testing/test-storage.ts'
import { findData } from './data-files.ts'
import { dumpFile } from './dump.ts'
import { entryAsJson, entryAsText } from './dump-text.ts'
import { repair } from './repair.ts'
import { findingsOf, verify } from './verify.ts'

const disk = systemDisk()
const batchCount = 24

/** Two partitions of single-record batches, in segments of six or so, by an idempotent producer; stopped in order. */
async function dataDirectory(t: Test, { isCrashed = false } = {}): Promise<string> {
  const directory = join(temporaryDirectory(t), 'data')
  fs.mkdirSync(directory)
  const storage = await openTestStorage({ directory })
  const configs = { 'internal.segment.bytes': '500', 'index.interval.bytes': '100' }
  const change = { type: 'create-topic' as const, name: 'events', partitionCount: 2, configs }
  const topic = (await storage.catalog.change(change)).topics.get('events')!
  for (let n = 0; n < batchCount; n++) {
    const values = [`value ${n}`.padEnd(20, '.')]
    const timestamp = 1_700_000_000_000 + n
    const batch = { values, timestamp, producerId: 7, baseSequence: n }
    for (const partition of topic.partitions) await append(storage.logs, partition, batch)
  }
  if (!isCrashed) {
    await storage.close()
    return directory
  }
  const copy = join(temporaryDirectory(t), 'data')
  fs.cpSync(directory, copy, { recursive: true })
  fs.rmSync(join(copy, '.lock'))
  await storage.close()
  return copy
}

async function check(directory: string) {
  const target = findData(disk, directory)
  const verification = await verify(disk, target)
  const findings = findingsOf(verification, target)
  const damage = findings.filter(({ severity }) => severity === 'damage')
  const texts = damage.map(({ kind, path, position }) => `${kind} ${basename(path)} ${position ?? ''}`.trim())
  return { target, verification, findings, damage, texts }
}

/** Repairs, and gives what is damaged after that. */
async function repaired(directory: string): Promise<string[]> {
  const { target, verification } = await check(directory)
  t.same(await repair(disk, target, verification), [])
  return (await check(directory)).texts
}

async function readEvents(directory: string, index = 0): Promise<string[]> {
  const storage: LocalStorage = await openTestStorage({ directory })
  try {
    const partition = storage.catalog.current().topics.get('events')!.partitions[index]!
    return (await readAll(storage.logs, partition)).map(text => text.replace(/\.+$/, ''))
  } finally {
    await storage.close()
  }
}

const allEvents = Array.from({ length: batchCount }, (_, n) => `${n}:value ${n}`)

const partitionPath = (directory: string) => join(directory, 'events-0')
const segmentsOf = (directory: string, kind = 'log') =>
  fs
    .readdirSync(partitionPath(directory))
    .filter(name => name.endsWith(`.${kind}`))
    .sort()
    .map(name => join(partitionPath(directory), name))

function change(path: string, damage: (bytes: Buffer) => Buffer | undefined): void {
  const bytes = fs.readFileSync(path)
  fs.writeFileSync(path, damage(bytes) ?? bytes)
}

function flip(bytes: Buffer, at: number): Buffer {
  bytes[at]! ^= 1
  return bytes
}

/** `meta.properties` with another directory.id, which is one that there could be. */
function withOtherId(bytes: Buffer): Buffer {
  const at = bytes.indexOf('directory.id=') + 15
  bytes.write(bytes[at] === 'A'.charCodeAt(0) ? 'B' : 'A', at)
  return bytes
}

/** Position of a batch of a segment. */
function batchAt(bytes: Buffer, number: number): number {
  let at = 0
  for (let n = 0; n < number; n++) at += batchSize(bytes, at)
  return at
}

t.test('a directory that was left in order, or by a crash, has no damage', async t => {
  const clean = await check(await dataDirectory(t))
  t.same(clean.findings, [])
  const events = clean.verification.partitions.filter(({ directory }) => directory.topic === 'events')
  t.match(events, [
    { counts: { batches: batchCount, records: batchCount }, firstOffset: 0, logEndOffset: batchCount },
    { counts: { batches: batchCount }, logEndOffset: batchCount },
  ])
  t.ok(clean.verification.total.segments > 6)
  t.same((await check(await dataDirectory(t, { isCrashed: true }))).texts, [])
})

t.test(
  'fields outside the checksum are judged by their neighbours, and restored where these leave one value',
  async t => {
    const fields = {
      'base offset': (bytes: Buffer, at: number) => {
        bytes[at + 7]! ^= 0x40
      },
      'a base offset that no log can have': (bytes: Buffer, at: number) => {
        bytes[at]! ^= 0x80
      },
      'leader epoch': (bytes: Buffer, at: number) => {
        bytes[at + batchField.partitionLeaderEpoch + 3]! ^= 0x01
      },
      length: (bytes: Buffer, at: number) => {
        bytes[at + batchField.batchLength + 3]! ^= 0x01
      },
      'a length that is far too long': (bytes: Buffer, at: number) => {
        bytes[at + batchField.batchLength]! ^= 0x40
      },
      magic: (bytes: Buffer, at: number) => {
        bytes[at + batchField.magic] = 1
      },
    }
    const pristine = await dataDirectory(t)
    for (const [name, damage] of Object.entries(fields)) {
      for (const number of [0, 2, 'last'] as const) {
        const directory = join(temporaryDirectory(t), 'data')
        fs.cpSync(pristine, directory, { recursive: true })
        const path = segmentsOf(directory)[1]!
        const before = fs.readFileSync(path)
        const count = Number(basename(segmentsOf(directory)[2]!, '.log')) - Number(basename(path, '.log'))
        const position = batchAt(before, number === 'last' ? count - 1 : number)
        change(path, bytes => {
          damage(bytes, position)
          return bytes
        })
        const { damage: found } = await check(directory)
        t.match(found, [{ path, position, remedy: { type: 'restamp' } }], `${name} of batch ${number}`)
        t.equal(
          found.length,
          1,
          `${name} of batch ${number}: ${found.map(({ message }) => message).join('; ')}`,
        )
        t.same(await repaired(directory), [])
        t.same(fs.readFileSync(path), before, `${name} of batch ${number} is as it was`)
        t.ok(fs.existsSync(join(partitionPath(directory), 'set-aside', 'repairs.jsonl')))
      }
    }
    t.same(await readEvents(pristine), allEvents)
  },
)

t.test('a batch that does not fit its checksum is taken out, and what follows is kept', async t => {
  const directory = await dataDirectory(t)
  const path = segmentsOf(directory)[1]!
  const base = Number(basename(path, '.log'))
  const bytes = fs.readFileSync(path)
  const position = batchAt(bytes, 2)
  change(path, bytes => {
    bytes[position + 70]! ^= 0x10
    return bytes
  })
  const { damage } = await check(directory)
  t.match(damage, [{ kind: 'checksum', path, position, remedy: { type: 'take out', nextOffset: base + 3 } }])
  t.match(damage[0]!.message, new RegExp(`offsets ${base + 2} to ${base + 2} are lost`))

  t.same(await repaired(directory), [])
  const lost = `${base + 2}:value ${base + 2}`
  t.same(
    await readEvents(directory),
    allEvents.filter(event => event !== lost),
  )
  const aside = join(partitionPath(directory), 'set-aside')
  const kept = fs.readdirSync(aside).find(name => name.startsWith(basename(path)))!
  t.equal(fs.readFileSync(join(aside, kept)).length, batchSize(bytes, position))
  t.same((await check(directory)).texts, [], 'also after a broker has had it')
})

t.test('debris in the middle and at the beginning of a segment is taken out', async t => {
  for (const number of [0, 2]) {
    const directory = await dataDirectory(t)
    const path = segmentsOf(directory)[1]!
    const offset = Number(basename(path, '.log')) + number
    change(path, bytes => {
      const at = batchAt(bytes, number)
      return bytes.fill(0xa5, at, at + batchSize(bytes, at))
    })
    t.match((await check(directory)).damage, [
      { kind: 'debris', remedy: { type: 'take out', nextOffset: offset + 1 } },
    ])
    t.same(await repaired(directory), [])
    t.same(
      await readEvents(directory),
      allEvents.filter(event => !event.startsWith(`${offset}:`)),
    )
  }
})

t.test('a torn tail is what a crash leaves; after a clean stop it is damage', async t => {
  const crashed = await dataDirectory(t, { isCrashed: true })
  const last = segmentsOf(crashed).at(-1)!
  const sound = fs.readFileSync(last)
  fs.appendFileSync(last, sound.subarray(0, 40))
  const { findings } = await check(crashed)
  t.match(findings, [
    { severity: 'note', kind: 'cut off', position: sound.length, remedy: { type: 'cut', size: 40 } },
  ])
  t.same(await repaired(crashed), [])
  t.same(fs.readFileSync(last), sound)
  t.same(await readEvents(crashed), allEvents)

  const clean = await dataDirectory(t)
  const tail = segmentsOf(clean).at(-1)!
  fs.appendFileSync(tail, Buffer.alloc(100))
  t.match((await check(clean)).damage, [{ kind: 'cut off', message: /only zeroes follow/ }])
  t.same(await repaired(clean), [])
  t.same(await readEvents(clean), allEvents)
})

t.test(
  'indexes, snapshots and the history of epochs are held against the log and made anew from it',
  async t => {
    const damages: [string, (directory: string) => string, (bytes: Buffer) => Buffer | undefined][] = [
      ['index', directory => segmentsOf(directory, 'index')[1]!, bytes => flip(bytes, 7)],
      ['index', directory => segmentsOf(directory, 'index')[1]!, bytes => flip(bytes, 3)],
      [
        'index',
        directory => segmentsOf(directory, 'index')[1]!,
        bytes => bytes.subarray(0, bytes.length - 3),
      ],
      ['index', directory => segmentsOf(directory, 'timeindex')[1]!, bytes => flip(bytes, 6)],
      [
        'index',
        directory => segmentsOf(directory, 'timeindex')[1]!,
        bytes => bytes.subarray(0, bytes.length - 12),
      ],
      ['snapshot', directory => segmentsOf(directory, 'snapshot')[1]!, bytes => flip(bytes, 20)],
      [
        'checkpoint',
        directory => join(partitionPath(directory), 'leader-epoch-checkpoint'),
        () => Buffer.from('0\n1\n1 0\n'),
      ],
      [
        'checkpoint',
        directory => join(partitionPath(directory), 'leader-epoch-checkpoint'),
        () => Buffer.from('0\n1\nx'),
      ],
    ]
    for (const [kind, fileOf, damage] of damages) {
      const directory = await dataDirectory(t)
      const path = fileOf(directory)
      change(path, bytes => damage(bytes))
      t.match((await check(directory)).damage, [{ kind, path, remedy: { type: 'rebuild' } }], basename(path))
      t.same(await repaired(directory), [])
      t.same(await readEvents(directory), allEvents)
    }
  },
)

t.test("a damaged owner is written anew; another topic's is not", async t => {
  const directory = await dataDirectory(t)
  const path = join(partitionPath(directory), 'partition.metadata')
  const before = fs.readFileSync(path)
  change(path, bytes => flip(bytes, 25))
  t.same((await check(directory)).texts, ['properties partition.metadata'])
  t.same(await repaired(directory), [])
  t.same(fs.readFileSync(path), before)

  fs.writeFileSync(path, 'version: 0\ntopic_id: bbbbbbbbbbbbbbbbbbbbbb\n')
  t.match((await check(directory)).damage, [{ kind: 'properties', remedy: undefined }])
})

t.test('what is in the root is held against the partitions', async t => {
  const directory = await dataDirectory(t)
  const recoveryPoints = join(directory, 'recovery-point-offset-checkpoint')
  const text = fs.readFileSync(recoveryPoints, 'utf8')
  fs.writeFileSync(recoveryPoints, text.replace('events 0 24', 'events 0 25'))
  t.match((await check(directory)).damage, [{ kind: 'checkpoint', message: /was on disk up to 25/ }])
  fs.writeFileSync(recoveryPoints, text.replace('events 0 24', 'events 0 20'))
  t.match((await check(directory)).damage, [{ kind: 'checkpoint', message: /a clean stop left it at 20/ }])
  fs.writeFileSync(recoveryPoints, text.replace(/^0\n3/, '0\n4'))
  t.match((await check(directory)).damage, [{ kind: 'checkpoint', remedy: { type: 'set aside' } }])
  t.same(await repaired(directory), [])
  t.ok(fs.existsSync(`${recoveryPoints}.damaged`))
  fs.writeFileSync(recoveryPoints, text)

  const starts = join(directory, 'log-start-offset-checkpoint')
  fs.writeFileSync(starts, '0\n1\nevents 1 99\n')
  t.ok(
    (await check(directory)).damage.some(({ message }) => /starts at offset 99 .* ends at 24/.test(message)),
  )
  fs.writeFileSync(starts, '0\n1\nevents 1 9\n')
  t.match((await check(directory)).damage, [
    { kind: 'checkpoint', message: /the first epoch begins at offset 0, and the log at 9/ },
  ])
  fs.rmSync(starts)

  fs.renameSync(partitionPath(directory), join(directory, 'strangers-0'))
  t.match((await check(directory)).texts.sort(), ['catalogue events-0', 'catalogue strangers-0'])
})

t.test('a segment that is missing, or cut off between two batches, leaves a gap that is told', async t => {
  const directory = await dataDirectory(t)
  const [, second, third] = segmentsOf(directory)
  const from = Number(basename(second!, '.log'))
  const to = Number(basename(third!, '.log'))
  change(second!, bytes => bytes.subarray(0, batchAt(bytes, to - from - 1)))
  t.match(
    (await check(directory)).damage.filter(({ kind }) => kind === 'gap'),
    [{ path: third, message: new RegExp(`offsets ${to - 1} to ${to - 1} are missing`) }],
  )
  fs.rmSync(second!)
  t.match((await check(directory)).damage, [
    { kind: 'gap', message: new RegExp(`offsets ${from} to ${to - 1}`) },
  ])
})

t.test('a journal that a crash left is told of, and what is only there', async t => {
  const directory = join(temporaryDirectory(t), 'data')
  fs.mkdirSync(directory)
  const storage = await openTestStorage({ directory })
  t.teardown(() => storage.close())
  const change = { type: 'create-topic' as const, name: 'events', partitionCount: 4, configs: {} }
  const topic = (await storage.catalog.change(change)).topics.get('events')!
  await Promise.all(topic.partitions.map(partition => append(storage.logs, partition, { values: ['one'] })))
  await Promise.all(topic.partitions.map(partition => append(storage.logs, partition, { values: ['two'] })))
  const copy = join(temporaryDirectory(t), 'data')
  fs.cpSync(directory, copy, { recursive: true })
  t.ok(fs.existsSync(join(copy, '__journal-0')))
  // A power loss: what only the journal had synced is gone from the log's own file.
  const log = join(copy, 'events-1', '00000000000000000000.log')
  fs.truncateSync(log, batchSize(fs.readFileSync(log), 0))
  const { findings, texts } = await check(copy)
  t.same(texts, [])
  t.match(
    findings.filter(({ kind }) => kind === 'journal'),
    [{ message: /offsets 1 to 1 of events-1 \(1 batches\) are only in the journal/ }],
  )
  const lines: string[] = []
  const path = join(copy, '__journal-0', '00000000000000000000.log')
  for await (const entries of dumpFile(disk, path, { withRecords: true })) {
    for (const entry of entries) lines.push(entryAsText(entry))
  }
  t.ok(lines.some(line => line.includes('"type":"partition"') && line.includes('"baseOffset":1')))
  const bytes = fs.readFileSync(path)
  fs.writeFileSync(path, flip(Buffer.from(bytes), 70))
  t.match((await check(copy)).damage, [{ kind: 'journal', position: 0, message: /sound entries follow/ }])
  // Batches lie in the values of an entry, but they do not follow it.
  fs.writeFileSync(path, bytes.subarray(0, -1))
  t.same((await check(copy)).texts, [])
  t.ok((await check(copy)).findings.some(({ message }) => /interrupted/.test(message)))
})

t.test('an owner is known as Kafka writes it, without an end of the line', async t => {
  const directory = await dataDirectory(t)
  change(join(partitionPath(directory), 'partition.metadata'), bytes => bytes.subarray(0, -1))
  t.same((await check(directory)).findings, [])
})

t.test('a directory without a catalogue is one of several log.dirs, unless it had one', async t => {
  const directory = await dataDirectory(t)
  fs.rmSync(join(directory, '__cluster_metadata-0'), { recursive: true })
  t.match((await check(directory)).damage, [{ kind: 'catalogue', message: /was here/ }])
  for (const name of ['recovery-point-offset-checkpoint', 'replication-offset-checkpoint']) {
    change(join(directory, name), bytes =>
      Buffer.from(
        String(bytes)
          .replace('\n3\n', '\n2\n')
          .replace(/__cluster_metadata .*\n/, ''),
      ),
    )
  }
  const { damage, findings } = await check(directory)
  t.same(damage, [])
  t.match(findings, [{ kind: 'catalogue', message: /one of several log.dirs/ }])
})

t.test('dump shows what cannot be read as a problem, and goes on behind it', async t => {
  const directory = await dataDirectory(t)
  const path = segmentsOf(directory)[0]!
  const position = batchAt(fs.readFileSync(path), 1)
  change(path, bytes => bytes.fill(0xff, position, position + 30))
  const texts: string[] = []
  const objects: { type: string; offset?: number; value?: string }[] = []
  for await (const entries of dumpFile(disk, path, { withRecords: true })) {
    for (const entry of entries) {
      texts.push(entryAsText(entry))
      objects.push(JSON.parse(entryAsJson(entry, path)))
    }
  }
  t.ok(texts.some(text => text.startsWith(`PROBLEM at ${position} `)))
  t.match(objects.filter(({ type }) => type === 'record').slice(0, 2), [
    { offset: 0, value: 'value 0.............' },
    { offset: 2, value: 'value 2.............' },
  ])
})

t.test('a path that is no data is refused in words', async t => {
  const directory = temporaryDirectory(t)
  t.throws(() => findData(disk, directory), { name: 'NoSuchDataError' })
  t.throws(() => findData(disk, join(directory, 'nothing')), { name: 'NoSuchDataError' })
})

t.test('one of several log directories is verified and repaired by itself', async t => {
  const root = temporaryDirectory(t)
  const [first, second] = ['a', 'b'].map(name => join(root, name)) as [string, string]
  const directories = [first, second]
  const open = () => openTestStorage({ directory: first, directories })
  const storage = await open()
  const topic = { type: 'create-topic' as const, name: 'events', partitionCount: 4, configs: {} }
  const { partitions } = (await storage.catalog.change(topic)).topics.get('events')!
  const items = partitions.map(partition => ({ partition, batch: testBatch({}), origin: 'client' as const }))
  for (let n = 0; n < 3; n++) await storage.logs.append(items, 'durable')
  const crashed = join(root, 'crashed')
  fs.cpSync(second, crashed, { recursive: true })
  await storage.close()

  await t.test('what lives elsewhere is not missed, and no catalogue is no damage', async t => {
    for (const directory of directories) t.same((await check(directory)).texts, [], directory)
    const { findings, verification } = await check(second)
    t.match(findings, [{ severity: 'note', kind: 'catalogue' }])
    t.same(
      verification.partitions.map(({ directory, logEndOffset }) => [directory.name, logEndOffset]),
      [
        ['events-1', 3],
        ['events-3', 3],
      ],
    )
  })

  await t.test('its journal is held against the partitions that are here', async t => {
    fs.rmSync(join(crashed, 'events-1', `${'0'.repeat(20)}.log`))
    const { findings, texts } = await check(crashed)
    t.same(texts, [])
    t.ok(findings.some(({ message }) => /offsets 0 to 2 of events-1 .* only in the journal/.test(message)))
  })

  await t.test('what is damaged is told and mended', async t => {
    change(join(second, 'events-3', `${'0'.repeat(20)}.index`), () => Buffer.from('nonsense'))
    t.same((await check(second)).texts, ['index 00000000000000000000.index 0'])
    t.same(await repaired(second), [])
    fs.rmSync(join(first, 'events-0'), { recursive: true })
    t.same((await check(first)).texts, ['catalogue events-0'], 'what should be here is missed')
    const again = await open()
    t.same(await readAll(again.logs, partitions[3]!), ['0:v', '1:v', '2:v'])
    await again.close()
  })

  await t.test('an id that the catalogue does not have for what lies here is damage', async t => {
    change(join(second, 'meta.properties'), withOtherId)
    t.same((await check(second)).texts, [], 'where there is no catalogue nobody can tell')
    change(join(first, 'meta.properties'), withOtherId)
    t.ok((await check(first)).texts.includes('properties meta.properties'))
  })
})
