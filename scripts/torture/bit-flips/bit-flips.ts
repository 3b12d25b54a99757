/**
 * Every byte of a small data directory with a bit flipped, one at a time, and every file cut at every length, zeroed in
 * blocks and removed: the broker starts or says why not, and no reader gets anything that differs from what was acknowledged
 * unless the broker says that something is wrong, or the client's checksum does. The real broker is started on a
 * copy in memory for each of them and asked through the wire; `--rounds` says how many bits of each byte are tried.
 *
 * What Kafka's formats leave undetectable is expected by name, with the reason; anything else that nobody noticed is
 * a violation.
 */
import { fork } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { memoryDisk, readDirectory } from '../../../src/testing/memory-disk.ts'
import { readable } from '../../text-table.ts'
import type { Violation } from '../record-ledger.ts'
import type { TortureContext, TortureResult, TortureScenario } from '../scenario.ts'
import { type Damage, damagesOf, kindOfFile } from './damage.ts'
import type { Observation } from './observation.ts'
import { makeSmallData, startInProcess } from './small-data.ts'
import type { Ledger } from './small-records.ts'
import { collectingLogger, type Outcome, observe, type TrialSetting } from './trial.ts'
import { undetectable } from './undetectable.ts'
import type { Share, Tried } from './worker.ts'

const memoryDirectory = '/dev/shm'
const maxBitsPerByte = 8
const stateNames = ['clean', 'crashed'] as const

export const bitFlips: TortureScenario = {
  name: 'bit-flips',
  summary: 'every byte of a data directory flipped and every file cut at every length, one at a time',
  defaultRounds: 1,
  run: runBitFlips,
}

interface Tally {
  tried: number
  outcomes: Record<Outcome, number>
  /** Undetected, and known to be undetectable. */
  undetectable: number
}

async function runBitFlips({ print, random, rounds }: TortureContext): Promise<TortureResult> {
  const parent = await mkdtemp(join(existsSync(memoryDirectory) ? memoryDirectory : tmpdir(), 'bit-flips-'))
  const data = await makeSmallData(parent)
  const tallies = new Map<string, Tally>()
  const reasons = new Map<string, number>()
  const refusals = new Map<string, number>()
  const violations: Violation[] = []
  const samples: unknown[] = []
  const startedMs = performance.now()
  for (const state of stateNames) {
    const pristine = data[state]
    const roundCount = state === 'clean' ? 2 : 3
    const expected = await expectedOf(pristine, join(parent, 'expected'), roundCount, data.ledgers[state])
    const damages = damagesOf(readDirectory(pristine), random, Math.min(rounds, maxBitsPerByte))
    print(`${state}: ${readable(damages.length)} damages`)
    let triedCount = 0
    await inParallel(
      damages,
      n => ({ pristine, scratch: join(parent, `scratch-${n}`), rounds: roundCount, expected }),
      tried => {
        const { damage, result } = tried
        if (++triedCount % 2000 === 0) print(`${state}: ${readable(triedCount)} tried`)
        const name = `${kindOfFile(damage.file)} ${damage.kind}`
        const tally = tallies.get(name) ?? newTally()
        tallies.set(name, tally)
        tally.tried++
        tally.outcomes[result.outcome]++
        if (result.outcome === 'refused')
          count(refusals, `${kindOfFile(damage.file)}: ${withoutPaths(result.text, parent)}`)
        if (result.outcome !== 'undetected' && result.outcome !== 'crashed') return
        const reason = result.outcome === 'undetected' ? undetectable(state, damage, result) : undefined
        samples.push({ state, ...tried, reason })
        if (reason !== undefined) {
          tally.undetectable++
          count(reasons, reason)
          return
        }
        const { at, bit, file, kind } = damage
        const where = `${state} ${file}, ${kind} at ${at}${bit < 0 ? '' : ` bit ${bit}`}`
        const text = `${where}: ${result.text.split('\n')[0]}`
        violations.push({ kind: result.outcome === 'crashed' ? 'crashed' : 'undetected', text })
      },
    )
  }
  const total = [...tallies.values()].reduce((sum, { tried }) => sum + tried, 0)
  print(`${readable(total)} starts in ${readable((performance.now() - startedMs) / 1000)} s`)
  for (const [reason, times] of reasons) print(`cannot be detected, ${times}: ${reason}`)
  for (const [refusal, times] of [...refusals].sort((a, b) => b[1] - a[1]).slice(0, 20))
    print(`refused, ${times}: ${refusal}`)
  if (violations.length === 0) await rm(parent, { recursive: true, force: true })
  return {
    headings: [
      'damage',
      'tried',
      'refused',
      'broker',
      'client',
      'harmless',
      'undetectable',
      'UNDETECTED',
      'crashed',
    ],
    rows: [...tallies]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, { outcomes, tried, undetectable: known }]) => [
        name,
        tried,
        outcomes.refused,
        outcomes.broker,
        outcomes.client,
        outcomes.harmless,
        known,
        outcomes.undetected - known,
        outcomes.crashed,
      ]),
    violations,
    skipped: [],
    directory: parent,
    samples,
  }
}

function newTally(): Tally {
  const outcomes = { harmless: 0, broker: 0, client: 0, refused: 0, undetected: 0, crashed: 0 }
  return { tried: 0, outcomes, undetectable: 0 }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function withoutPaths(text: string, parent: string): string {
  return text
    .replaceAll(new RegExp(`${parent}/scratch-\\d+/?`, 'g'), '')
    .replaceAll(/[\w-]{22}/g, '...')
    .replaceAll(/\d+/g, 'N')
}

/** What clients see of the undamaged directory, which must be exactly what was acknowledged. */
async function expectedOf(
  pristine: string,
  scratch: string,
  rounds: number,
  ledger: Ledger,
): Promise<Observation> {
  mkdirSync(scratch)
  const remarks: string[] = []
  const disk = memoryDisk(scratch, readDirectory(pristine))
  const broker = await startInProcess(scratch, { disk, logger: collectingLogger(remarks) })
  try {
    const seen = await observe(broker, rounds, () => true)
    if (remarks.length > 0) throw new Error(`of the undamaged directory it is said:\n${remarks.join('\n')}`)
    for (const [partition, records] of Object.entries(ledger)) {
      const read = seen[`records of ${partition}`]
      if (read !== records.join('\n'))
        throw new Error(`${partition} undamaged has\n${read}\ninstead of\n${records.join('\n')}`)
    }
    return seen
  } finally {
    await broker.stop()
    rmSync(scratch, { recursive: true })
  }
}

/** Deals the damages out to as many processes as there are cores. */
async function inParallel(
  damages: readonly Damage[],
  settingOf: (worker: number) => TrialSetting,
  tried: (one: Tried) => void,
): Promise<void> {
  const workerCount = availableParallelism()
  const path = fileURLToPath(new URL('./worker.js', import.meta.url))
  const workers = Array.from({ length: workerCount }, (_, n) => {
    const share: Share = {
      setting: settingOf(n),
      damages: damages.filter((_, index) => index % workerCount === n),
    }
    return new Promise<void>((resolve, reject) => {
      const worker = fork(path)
      let isDone = false
      worker.on('message', (message: Tried | 'done') => {
        if (message !== 'done') return tried(message)
        isDone = true
        worker.disconnect()
      })
      worker.on('exit', code =>
        isDone ? resolve() : reject(new Error(`a worker ended with ${code} in the middle`)),
      )
      worker.send(share)
    })
  })
  await Promise.all(workers)
}
