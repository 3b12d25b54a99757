/**
 * `ottla log` as an operator uses it on damaged directories: a share of the damages of the scenario, drawn anew each
 * time. Repeat a failure with `SEED=...`.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findData } from '../../../src/log-tools/data-files.ts'
import { remediable, repair } from '../../../src/log-tools/repair.ts'
import { findingsOf, verify } from '../../../src/log-tools/verify.ts'
import type { Disk } from '../../../src/platform/disk.ts'
import { memoryDisk, readDirectory } from '../../../src/testing/memory-disk.ts'
import { temporaryDirectory } from '../../../src/testing/test-storage.ts'
import { seededRandom } from '../../seeded-random.ts'
import { damagesOf, inflict, kindOfFile } from './damage.ts'
import { makeSmallData, startInProcess } from './small-data.ts'

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const share = 0.003

async function check(disk: Disk, directory: string) {
  const target = findData(disk, directory)
  const verification = await verify(disk, target)
  const findings = findingsOf(verification, target)
  const damage = findings.filter(({ severity }) => severity === 'damage')
  return { target, verification, findings, damage }
}

t.test(`what is damaged is found, repaired once, and started on, seed ${seed}`, async t => {
  const parent = temporaryDirectory(t)
  const data = await makeSmallData(parent)
  const random = seededRandom(seed)
  const directory = join(parent, 'damaged')
  mkdirSync(directory)
  for (const state of ['clean', 'crashed'] as const) {
    const pristine = readDirectory(data[state])
    const sound = await check(memoryDisk(directory, pristine), directory)
    t.same([sound.damage, remediable(sound.findings)], [[], []], `${state}, as it was left`)
    for (const damage of damagesOf(pristine, random, share)) {
      const about = `${state} ${JSON.stringify(damage)}`
      const disk = memoryDisk(directory, inflict(pristine, damage))
      const { target, verification } = await check(disk, directory)
      const problems = await repair(disk, target, verification)
      if (problems.length > 0) t.fail(`${about}: ${problems.join('; ')}`)
      const after = await check(disk, directory)
      const mendable = remediable(after.findings)
      if (mendable.length > 0) t.fail(`${about}: a second time ${mendable[0]!.path}: ${mendable[0]!.message}`)
      if (after.damage.length === 0) await (await startInProcess(directory, { disk })).stop()
      else if (!/cluster_metadata|journal|meta\.properties/.test(kindOfFile(damage.file))) {
        t.fail(`${about}: left ${after.damage[0]!.path}: ${after.damage[0]!.message}`)
      }
    }
  }
})
