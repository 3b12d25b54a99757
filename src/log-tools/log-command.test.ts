/** `ottla log` as users run it: the CommonJS build in a process of its own, its words, its JSON and its exit codes. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ottlaMain } from '../../scripts/ottla-process.ts'
import { exitCodes } from '../exit-codes.ts'
import { append, openTestStorage, temporaryDirectory } from '../testing/test-storage.ts'

function ottlaLog(...words: string[]) {
  const { status, stderr, stdout } = spawnSync(process.execPath, [ottlaMain, 'log', ...words], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  return { status, stderr, stdout }
}

async function openData(t: Test) {
  const directory = join(temporaryDirectory(t), 'data')
  fs.mkdirSync(directory)
  const storage = await openTestStorage({ directory })
  const change = { type: 'create-topic' as const, name: 'events', partitionCount: 1, configs: {} }
  const partition = (await storage.catalog.change(change)).topics.get('events')!.partitions[0]!
  for (const value of ['one', 'two', 'three']) {
    await append(storage.logs, partition, {
      records: [{ key: Buffer.from('key'), value: Buffer.from(value) }],
    })
  }
  return { directory, storage, log: join(directory, 'events-0', '00000000000000000000.log') }
}

t.test('dump prints the words of kafka-dump-log, and a line of JSON for each entry', async t => {
  const { directory, log, storage } = await openData(t)
  const running = ottlaLog('dump', log)
  t.equal(running.status, exitCodes.ok, 'also while a broker runs')
  await storage.close()
  const text = ottlaLog('dump', log, '--records', '--from-offset', '1', '--to-offset', '2')
  t.match(text.stdout, /^baseOffset: 1 lastOffset: 1 count: 1 baseSequence: -1 .* isvalid: true$/m)
  t.match(text.stdout, /^\| offset: 1 CreateTime: \d+ keySize: 3 valueSize: 3 .* key: key payload: two$/m)
  t.notMatch(text.stdout, /payload: (one|three)/)
  const whole = ottlaLog('dump', directory, '--records', '--json')
  const entries = whole.stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  t.match(
    entries.filter(({ file, type }) => file === log && type === 'record'),
    [
      { offset: 0, key: 'key', value: 'one' },
      { offset: 1, value: 'two' },
      { offset: 2, value: 'three' },
    ],
  )
  t.match(
    entries.find(({ value }) => value?.type === 'TopicRecord'),
    { value: { data: { name: 'events' } } },
  )
  t.match(
    entries.find(({ file, type }) => type === 'offset' && file.endsWith('recovery-point-offset-checkpoint')),
    { topic: '__cluster_metadata' },
  )
})

t.test('verify and repair say what is damaged, what would be done and what was done', async t => {
  const { directory, log, storage } = await openData(t)
  const inUse = ottlaLog('verify', directory)
  t.equal(inUse.status, exitCodes.cannotCreate)
  t.match(inUse.stderr, /is in use by process \d+; stop it first/)
  t.equal(ottlaLog('repair', directory, '--execute').status, exitCodes.cannotCreate)
  await storage.close()
  const sound = ottlaLog('verify', directory)
  t.equal(sound.status, exitCodes.ok)
  t.match(sound.stdout, /^events-0 +1 +3 +3 /m)

  const bytes = fs.readFileSync(log)
  bytes[70]! ^= 1
  fs.writeFileSync(log, bytes)
  const damaged = ottlaLog('verify', directory)
  t.equal(damaged.status, exitCodes.damaged)
  t.match(damaged.stdout, /^damage: checksum: events-0\/0{20}\.log at 0\n .*offsets 0 to 0 are lost/m)
  const { damage } = JSON.parse(ottlaLog('verify', log, '--json').stdout)
  t.match(damage, [{ file: log, position: 0, kind: 'checksum', repair: /take out/ }])

  const planned = ottlaLog('repair', directory)
  t.equal(planned.status, exitCodes.damaged)
  t.match(planned.stdout, /would: take out \d+ bytes/)
  t.match(planned.stdout, /Nothing was changed; --execute does it/)
  t.same(fs.readFileSync(log), bytes)
  const repaired = ottlaLog('repair', directory, '--execute')
  t.equal(repaired.status, exitCodes.ok, repaired.stdout + repaired.stderr)
  t.match(repaired.stdout, /No damage is left/)
  t.notOk(fs.existsSync(join(directory, '.lock')))
  t.equal(ottlaLog('verify', directory).status, exitCodes.ok)
})

t.test('what cannot be read at all is refused with a code of its own', async t => {
  const directory = temporaryDirectory(t)
  t.match(ottlaLog('verify', directory), { status: exitCodes.noInput, stderr: /is neither a data directory/ })
  t.match(ottlaLog('dump', join(directory, 'none')), { status: exitCodes.noInput, stderr: /There is no/ })
  t.equal(ottlaLog('dump').status, exitCodes.usage)
  const { directory: data, storage } = await openData(t)
  await storage.close()
  t.equal(ottlaLog('repair', data, '--execute', '--dry-run').status, exitCodes.usage)
})
