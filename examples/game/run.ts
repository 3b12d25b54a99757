/**
 * `npm run example:game`: one evening of the game from beginning to end, and the proof that every promise was kept.
 * `play` is the story; the parts are in the files beside this one, and README.md has the picture. Exits with 0 when
 * everything was proved, with 1 when something did not hold, with 2 when the command line is wrong.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { startOttla } from '../../scripts/ottla-process.ts'
import { type Crew, startCrew } from './crew.ts'
import { type Evening, planEvening } from './evening.ts'
import { readAlerts, readArchive } from './evidence.ts'
import { connectTo, createTopics, type Game, newGame, removeGame } from './game.ts'
import { committedOffsets, type GroupState, lookAtGroup } from './group-watch.ts'
import { count, type LiveSummary, latencyPercentiles, startLiveSummary } from './live-summary.ts'
import { type Options, readOptions } from './options.ts'
import { type Evidence, type Finding, type Killed, prove } from './proof.ts'

const servers = 3
const processors = 3
const archiveEveryMs = 4_000
const watchEveryMs = 500
/** How long the victim is waited for to raise an alert; then it dies without. */
const holdAtMostMs = 5_000
/** What a killed process still had in its sockets has arrived by then, and its session has not yet ended. */
const lastWordsMs = 1_000
/** The longest that a step of the story may take, on however slow a machine. */
const patienceMs = 90_000
const problemsShown = 5

async function play(game: Game, admin: Admin, evening: Evening, archiveDirectory: string): Promise<Evidence> {
  let group: GroupState = { groupState: 'Empty', members: 0, lag: 0 }
  const live = startLiveSummary(() => ({ ...crew.progress(), ...group }))
  const crew = startCrew({ game, servers, processors, archiveDirectory, onNews: live.say })
  const watching = repeatedly(watchEveryMs, async () => {
    group = await lookAtGroup(admin, game)
  })
  const isSettled = async () => crew.isReady() && (await lookAtGroup(admin, game)).groupState === 'Stable'
  await until(crew, 'all programs were ready', isSettled)

  live.say('The doors open.')
  crew.say('open', 'server')
  const archiving = repeatedly(archiveEveryMs, () => crew.archive())

  const half = evening.events.length / 2
  await until(crew, 'half of the events were published', () => crew.acknowledged.length >= half)
  const killed = await killProcessor(game, admin, crew, live)

  await until(crew, 'all events were published', () => crew.serversHaveEnded())
  live.say('The doors are closed.')
  const hasCaughtUp = async () => (await lookAtGroup(admin, game)).lag === 0
  await until(crew, 'the processors had handled everything', hasCaughtUp)
  await archiving.stop()
  await crew.archive()
  const alerts = await readAlerts(game)
  const dashboardHasSeenAll = () =>
    crew.progress().events >= evening.events.length && crew.progress().alerts >= alerts.length
  await until(crew, 'the dashboard had seen everything', dashboardHasSeenAll)
  await watching.stop()
  await crew.dismiss()
  live.stop()

  showLatencies(crew, killed)
  const archived = await readArchive(archiveDirectory)
  return { evening, acknowledged: crew.acknowledged, archived, alerts, handled: crew.handled, killed }
}

/**
 * Kills one of the processors at the worst moment that there is: when it has published an alert and not yet committed
 * that it handled the event. A kill from outside would hit this moment in one run of many, so the processor is told
 * to stand still there.
 */
async function killProcessor(game: Game, admin: Admin, crew: Crew, live: LiveSummary): Promise<Killed> {
  const processor = `processor-${1 + (game.plan.seed % processors)}`
  crew.say('hold', processor)
  const giveUpAt = performance.now() + holdAtMostMs
  await until(crew, 'it held', () => crew.isHolding(processor) || performance.now() > giveUpAt)
  const orphans = crew.partitionsOf(processor)
  await crew.kill(processor)
  const moment = crew.isHolding(processor) ? 'between an alert and its commit' : 'at no special moment'
  live.say(
    `kill -9 ${processor}, ${moment}. Partitions ${orphans.join(' and ')} wait for its session to end.`,
  )
  await delay(lastWordsMs)
  const committed = await committedOffsets(admin, game)
  return {
    processor,
    committed: new Map(orphans.map(partition => [partition, committed.get(partition) ?? 0])),
  }
}

function showLatencies(crew: Crew, killed: Killed): void {
  const show = (what: string, isOrphan: boolean) => {
    const [p50, p99] = latencyPercentiles(
      crew.latencies.filter(({ partition }) => killed.committed.has(partition) === isOrphan),
    )
    console.log(`${what.padEnd(34)} p50 ${p50.padStart(5)} ms, p99 ${p99.padStart(5)} ms`)
  }
  console.log('\nFrom the publishing of a fraud to its alert on the dashboard')
  show('  where the processor lived on:', false)
  show('  where it was killed:', true)
}

/** Prints what was found, and tells how many claims do not hold. */
function showFindings(findings: Finding[]): number {
  console.log()
  for (const { claim, problems } of findings) {
    console.log(`${problems.length === 0 ? 'holds' : 'FAILS'}  ${claim}`)
    for (const problem of problems.slice(0, problemsShown)) console.log(`         ${problem}`)
    if (problems.length > problemsShown) console.log(`         and ${problems.length - problemsShown} more`)
  }
  console.log()
  return findings.filter(({ problems }) => problems.length > 0).length
}

/** Waits for a condition, unless a program fails or patience ends first. */
async function until(crew: Crew, what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + patienceMs
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`Waited ${patienceMs / 1000} s in vain until ${what}.`)
    await Promise.race([delay(20), crew.failure])
  }
}

/** Does the job again and again, one at a time, until `stop`, which waits for the one that is under way. */
function repeatedly(everyMs: number, job: () => Promise<void>): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (!stopping.signal.aborted) await job()
    }
  })()
  running.catch(() => undefined)
  return {
    stop() {
      stopping.abort()
      return running
    },
  }
}

async function main(options: Options): Promise<number> {
  const { seed, players, events, seconds } = options
  const startedAt = performance.now()
  // Members of a group join within a moment of each other here: there is nothing to wait for.
  const overrides = { 'group.initial.rebalance.delay.ms': '0' }
  const ottla = options.broker === undefined ? await startOttla({ overrides }) : undefined
  try {
    const game = newGame(options.broker ?? ottla!.bootstrap, { seed, players, events }, seconds)
    const evening = planEvening(game.plan)
    // A directory that holds other evenings gets one more beside them.
    const archive = options.archive
      ? resolve(options.archive, game.eventsTopic)
      : await mkdtemp(join(tmpdir(), 'game-archive-'))
    console.log(
      `Seed ${seed}: ${count(players)} players, ${count(events)} events, ${evening.frauds.size} frauds.\n` +
        `An evening of four hours in ${seconds} s, on ${ottla ? 'a new Ottla' : 'the broker'} at ${game.broker}.\n`,
    )
    const admin = connectTo(game, 'run').admin()
    await admin.connect()
    await createTopics(admin, game)
    const failed = showFindings(prove(await play(game, admin, evening, archive)))
    if (failed === 0) await removeGame(admin, game)
    await admin.disconnect()

    const isKept = options.archive !== undefined || failed > 0
    if (!isKept) await rm(archive, { recursive: true, force: true })
    const where = isKept ? ` The archive is in ${archive}.` : ''
    const took = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`
    if (failed === 0) console.log(`Every promise was kept (${took}).${where}`)
    else console.log(`${failed} of the claims do not hold; repeat with --seed ${seed}.${where}`)
    return failed === 0 ? 0 : 1
  } finally {
    await ottla?.stop()
  }
}

const options = readOptions(process.argv.slice(2))
if ('text' in options) {
  console.log(options.text)
  process.exit(options.exitCode)
}
// Programs and brokers that a failure left running end with this process.
process.exit(
  await main(options).catch(error => {
    console.error(`\nThe game could not be finished: ${error instanceof Error ? error.message : error}`)
    return 1
  }),
)
