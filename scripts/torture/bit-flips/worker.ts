/** A process that tries its share of the damages, since one broker after the other leaves the second core idle. */
import { mkdirSync, rmSync } from 'node:fs'
import { readDirectory } from '../../../src/testing/memory-disk.ts'
import type { Damage } from './damage.ts'
import { type TrialResult, type TrialSetting, tryDamage } from './trial.ts'

export interface Share {
  readonly setting: TrialSetting
  readonly damages: readonly Damage[]
}

export interface Tried {
  readonly damage: Damage
  readonly result: TrialResult
}

process.on('message', (share: Share) => {
  void work(share)
})

async function work({ damages, setting }: Share): Promise<void> {
  const pristine = readDirectory(setting.pristine)
  mkdirSync(setting.scratch)
  for (const damage of damages) {
    const result = await tryDamage(setting, pristine, damage)
    process.send!({ damage, result } satisfies Tried)
  }
  rmSync(setting.scratch, { recursive: true })
  process.send!('done')
}
