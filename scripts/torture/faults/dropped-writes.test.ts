/** What a failed sync drops is there until the power is lost, unless it is written again. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemDisk } from '../../../src/platform/disk.ts'
import { faultyDisk } from '../../../src/testing/faulty-disk.ts'
import { droppingDisk, loseDropped } from './dropped-writes.ts'

t.test('the power takes what a failed sync has dropped, and only that', async t => {
  const directory = t.testdir({})
  const [path, account] = [join(directory, 'log'), join(directory, 'account')]
  const faulty = faultyDisk()
  const disk = droppingDisk(faulty, account)
  const file = disk.openForWrite(path, true)
  const write = (text: string, position: number): void => disk.write(file, Buffer.from(text), position)
  const content = (): string => readFileSync(path, 'latin1').replaceAll('\0', '.')
  write('synced', 0)
  await disk.sync(file)
  write('dropped', 6)
  faulty.inject({ operation: 'sync', code: 'EIO', times: 1 })
  await t.rejects(disk.sync(file), { code: 'EIO' })
  write('later', 13)
  await disk.sync(file)
  t.equal(content(), 'synceddroppedlater', 'the kernel goes on to show it')

  // In the next process some of it is written again, and so is in a sync.
  const next = droppingDisk(systemDisk(), account)
  const again = next.openForWrite(path, false)
  next.write(again, Buffer.from('DRO'), 6)
  await next.sync(again)
  next.close(again)
  disk.close(file)
  t.equal(loseDropped(account), 4)
  t.equal(content(), 'syncedDRO....later')
  t.equal(loseDropped(account), 0, 'once')
})

t.test('what is cut off is not missed', async t => {
  const directory = t.testdir({})
  const [path, account] = [join(directory, 'log'), join(directory, 'account')]
  const faulty = faultyDisk()
  const disk = droppingDisk(faulty, account)
  const file = disk.openForWrite(path, true)
  disk.write(file, Buffer.from('dropped'), 0)
  faulty.inject({ operation: 'sync', code: 'EIO', times: 1 })
  await t.rejects(disk.sync(file))
  disk.truncate(file, 0)
  disk.write(file, Buffer.from('new'), 0)
  disk.close(file)
  t.equal(loseDropped(account), 0)
  t.equal(readFileSync(path, 'latin1'), 'new')
})
