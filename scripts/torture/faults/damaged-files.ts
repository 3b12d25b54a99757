/**
 * Files that are damaged while the broker is down, after a kill and after an orderly stop: what can be made again is
 * made again, what cannot is told of, and in no case does anybody get a wrong record. (What every single byte may do
 * is the business of the scenario `bit-flips`.)
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Fault } from './fault.ts'
import { hasKcat, readThrough, topic } from './load.ts'
import { allBut, type Stage, words } from './stage.ts'

const victim = 1
const ends = ['kill -9', 'a stop'] as const
type End = (typeof ends)[number]

/** The oldest file of this kind of the partition that is damaged. */
function fileOf(stage: Stage, suffix: string): string | undefined {
  const directory = join(stage.directory, `faults-${victim}`)
  const name = readdirSync(directory)
    .filter(each => each.endsWith(suffix))
    .sort()[0]
  return name === undefined ? undefined : join(directory, name)
}

/** Nonsense from the middle on. */
function scribble(path: string): void {
  const content = readFileSync(path)
  content.fill(0xa5, Math.floor(content.length / 2))
  writeFileSync(path, content)
}

interface Damage {
  readonly name: string
  /** Gives the files; none: there is no such file after this end. */
  files(stage: Stage): readonly (string | undefined)[]
  /** Has the broker look into it, where reading everything does not. */
  use?(stage: Stage): Promise<unknown>
  readonly said?: RegExp
  readonly shown: string
}

async function endAs(end: End, stage: Stage): Promise<void> {
  await stage.load!.stop()
  if (end === 'kill -9') await stage.kill9()
  else await stage.stop()
}

/** Whatever it is, the broker makes it again, and nothing is missing. */
function isMadeAgain({ name, files, use, said, shown }: Damage): Fault {
  return {
    name: `damaged: ${name}`,
    async play(stage) {
      await stage.startUnderLoad({ batchRecords: 100 })
      await untilRolled(stage)
      for (const end of ends) {
        await endAs(end, stage)
        const found = files(stage).filter(path => path !== undefined)
        for (const path of found) scribble(path)
        stage.lines.length = 0
        await stage.start()
        await use?.(stage)
        await stage.readsAreServed()
        if (found.length > 0 && said !== undefined) await stage.said(said)
        await stage.beginLoad(100)
      }
      stage.observed.producers = words(stage.load!.refused)
      stage.observed.broker = shown
      await stage.heals('at the start')
    },
  }
}

export const damagedFileFaults: Fault[] = [
  {
    name: 'damaged: segment, in the middle',
    async play(stage) {
      await stage.startUnderLoad({ batchRecords: 100 })
      await untilRolled(stage)
      for (const end of ends) {
        await endAs(end, stage)
        const path = fileOf(stage, '.log')!
        const content = readFileSync(path)
        const at = Math.floor(content.length / (end === 'kill -9' ? 2 : 3))
        content.fill(0xa5, at, at + 20)
        writeFileSync(path, content)
        await stage.start()
        await stage.readsAreServed(allBut(victim))
        await requireError(stage)
        await stage.beginLoad(100)
        await stage.untilAcknowledged()
      }
      await stage.load!.stop()
      stage.observed.producers = words(stage.load!.refused)
      stage.observed.consumers = 'get an error where it is damaged'
      stage.observed.broker = 'ottla log verify names it'
      stage.observed.healed = 'no: ottla log repair'
      stage.isDamaged = true
    },
  },
  isMadeAgain({
    name: 'index',
    files: stage => [fileOf(stage, '.index')],
    use: stage => stage.withAdmin(admin => admin.fetchTopicOffsetsByTimestamp(topic, stage.loadedAtMs)),
    said: /index.*rebuilding it/,
    shown: 'it is rebuilt',
  }),
  isMadeAgain({
    name: 'time index',
    files: stage => [fileOf(stage, '.timeindex')],
    use: stage => stage.withAdmin(admin => admin.fetchTopicOffsetsByTimestamp(topic, stage.loadedAtMs)),
    said: /index.*rebuilding it/,
    shown: 'it is rebuilt',
  }),
  isMadeAgain({
    name: 'checkpoints',
    files: stage =>
      ['recovery-point', 'log-start', 'replication']
        .map(name => join(stage.directory, `${name}-offset-checkpoint`))
        .filter(path => statSync(path, { throwIfNoEntry: false }) !== undefined),
    said: /checkpoint/,
    shown: 'it is told, and logs are read',
  }),
  isMadeAgain({
    name: 'producer snapshot',
    files: stage => [fileOf(stage, '.snapshot')],
    shown: 'an older one is used',
  }),
  isMadeAgain({
    name: 'leader epochs',
    files: stage => [fileOf(stage, 'leader-epoch-checkpoint')],
    shown: 'it is made from the log',
  }),
  isMadeAgain({
    name: 'partition.metadata',
    files: stage => [fileOf(stage, 'partition.metadata')],
    shown: 'it is written again',
  }),
  isMadeAgain({
    name: 'journal',
    files: stage => [journalOf(stage)],
    shown: "logs have their own files' bytes",
  }),
  {
    name: 'damaged: meta.properties',
    async play(stage) {
      await stage.startUnderLoad()
      for (const end of ends) {
        await endAs(end, stage)
        const path = join(stage.directory, 'meta.properties')
        const content = readFileSync(path)
        writeFileSync(path, content.subarray(0, 20))
        const { code, sentence } = await stage.startRefused()
        if (code !== 73 || !sentence.includes(path)) {
          stage.violate('not as documented', `the start ended with ${code}: ${sentence}`)
        }
        stage.observed.broker = `exit code ${code}, and why`
        writeFileSync(path, content)
        await stage.start()
        await stage.readsAreServed()
        await stage.beginLoad()
      }
      stage.observed.producers = words(stage.load!.refused)
      await stage.heals('when the file is restored')
    },
  },
]

/** Enough that a few segments are full, and were synced. */
async function untilRolled(stage: Stage): Promise<void> {
  const isRolled = () => stage.ledger.nextDelivery(victim) > 1200
  await stage.until(isRolled, 'the partition has old segments')
}

function journalOf(stage: Stage): string | undefined {
  const directory = join(stage.directory, '__journal-0')
  if (statSync(directory, { throwIfNoEntry: false }) === undefined) return undefined
  const name = readdirSync(directory)
    .filter(each => each.endsWith('.log'))
    .sort()
    .at(-1)
  return name === undefined ? undefined : join(directory, name)
}

/** A reader of the damaged partition does not get past the damage as if nothing were the matter. */
async function requireError(stage: Stage): Promise<void> {
  if (!hasKcat) return
  const promises = stage.ledger.promises()
  const wanted = promises.map(({ highestAcknowledged }, partition) =>
    partition === victim ? highestAcknowledged : -1,
  )
  const before = wanted.length - 1
  if ((await readThrough(stage.broker.bootstrap, wanted)) > before) {
    stage.violate('undetected', 'kcat read all of a damaged partition')
  }
}
