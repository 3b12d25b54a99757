/**
 * The scenario `power-loss`. A broker process works under load with a disk that records what it is asked, and marks
 * what was sent to clients. The recording alone shows whether an acknowledgement left before its sync. Then the power is
 * lost at as many places of it as there are rounds, half of them right behind an answer: an image of the disk is
 * made of what was synced by then and any part of the rest, and the broker is started on it and asked for everything
 * that was promised. On some images the power fails again while the broker starts.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ImageStyle } from '../../../src/testing/crash-model.ts'
import { startOttla } from '../../ottla-process.ts'
import type { SeededRandom } from '../../seeded-random.ts'
import { median, percentile } from '../../statistics.ts'
import { readable } from '../../text-table.ts'
import type { Violation } from '../record-ledger.ts'
import type { TortureContext, TortureResult, TortureScenario } from '../scenario.ts'
import { findEarlyAnswers } from './ack-order.ts'
import { runLoad } from './load.ts'
import { powerLossPlants } from './plants.ts'
import { type Promises, placesOf } from './promises.ts'
import { type RecordedEvent, readRecording } from './recording.ts'
import type { Checked, PowerLoss, Share } from './worker.ts'

const loadMs = 6000
const workers = 2
const styles: readonly ImageStyle[] = ['nothing', 'everything', 'in order', 'any']
const comesAgainShare = 0.2

/** So much in so little time that each of these happens again and again. */
const loadSettings = {
  'log.flush.offset.checkpoint.interval.ms': '500',
  'log.flush.start.offset.checkpoint.interval.ms': '700',
  'log.initial.task.delay.ms': '300',
  'log.retention.check.interval.ms': '400',
  'offsets.topic.num.partitions': '4',
}
const checkSettings = { 'offsets.topic.num.partitions': 4 }

export const powerLoss: TortureScenario = {
  name: 'power-loss',
  summary: 'images of the disk of a broker under load, as power losses leave them; it starts on each',
  defaultRounds: 1000,
  plants: powerLossPlants,
  run: torture,
}

async function torture({ rounds, random, plant, print }: TortureContext): Promise<TortureResult> {
  // Where there is a file system in memory: an image is a thousand files.
  const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const scratch = mkdtempSync(join(parent, 'power-loss-'))
  const recording = join(scratch, 'recording')
  const promises = await record(recording, plant, random.fork())
  const events = readRecording(recording)
  print(summaryOf(events, promises))
  const violations: Violation[] = findEarlyAnswers(events, promises)
  print(
    violations.length === 0
      ? `none of ${promises.batches.length} acknowledgements left before its sync`
      : `${violations.length} of ${promises.batches.length} acknowledgements left before their sync`,
  )
  const promisesPath = join(scratch, 'promises.json')
  writeFileSync(promisesPath, JSON.stringify(promises))
  const losses = drawLosses(events, promises, rounds, random)
  const startedAt = performance.now()
  const checked: Checked[] = []
  await Promise.all(
    Array.from({ length: workers }, (_, n) => {
      const ofWorker = join(scratch, `worker-${n}`)
      mkdirSync(ofWorker)
      const share: Share = {
        recording,
        promises: promisesPath,
        losses: losses.filter((_, i) => i % workers === n),
        scratch: ofWorker,
        settings: checkSettings,
      }
      return runWorker(share, result => {
        checked.push(result)
        if (checked.length % 100 === 0) {
          const found = checked.filter(({ violations }) => violations.length > 0).length
          const seconds = (performance.now() - startedAt) / 1000
          print(`${checked.length} images, ${found} with something wrong, ${readable(seconds)} s`)
        }
      })
    }),
  )
  for (const result of checked) violations.push(...result.violations)
  const kept = checked.find(({ image }) => image !== undefined)?.image
  if (violations.length === 0 || plant !== undefined) rmSync(scratch, { recursive: true })
  return {
    headings: [
      'of what was not synced',
      'images',
      'lost again',
      'at an answer',
      'start and check p50 ms',
      'p99 ms',
      'wrong',
    ],
    rows: styles.map(style => rowOf(style, checked, events)),
    violations,
    skipped: [],
    directory: kept ?? scratch,
    samples: checked,
  }
}

/** Runs the broker under load, to its orderly stop. */
async function record(path: string, plant: string | undefined, random: SeededRandom): Promise<Promises> {
  const main = fileURLToPath(new URL('./recording-broker.js', import.meta.url))
  const env = { RECORDING: path, ...(plant === undefined ? {} : { TORTURE_PLANT: plant }) }
  const broker = await startOttla({ main, env, overrides: loadSettings })
  try {
    return await runLoad(broker.port, loadMs, random)
  } finally {
    await broker.stop()
  }
}

function drawLosses(
  events: readonly RecordedEvent[],
  promises: Promises,
  count: number,
  random: SeededRandom,
): PowerLoss[] {
  const placeOf = placesOf(events)
  const answers = [...new Set(promises.batches.map(({ answered }) => placeOf(answered)))]
  const losses = Array.from({ length: count }, (_, n): PowerLoss => {
    const isAtAnswer = n % 2 === 0
    return {
      place: isAtAnswer
        ? answers[random.between(0, answers.length - 1)]!
        : random.between(0, events.length - 1),
      // Nothing but what was synced is the hardest test right behind an answer, and the easiest elsewhere.
      style: isAtAnswer && random.chance(0.5) ? 'nothing' : styles[random.between(0, styles.length - 1)]!,
      comesAgain: random.chance(comesAgainShare),
      seed: random.between(0, 2 ** 31 - 1),
    }
  })
  return losses.sort((a, b) => a.place - b.place)
}

function runWorker(share: Share, checked: (result: Checked) => void): Promise<void> {
  const path = fileURLToPath(new URL('./worker.js', import.meta.url))
  const worker: ChildProcess = fork(path, { serialization: 'advanced' })
  return new Promise((resolve, reject) => {
    worker.on('message', (message: Checked | 'done') => {
      if (message !== 'done') checked(message)
      else {
        worker.disconnect()
        resolve()
      }
    })
    worker.once('exit', code => reject(new Error(`a worker ended with ${code}`)))
    worker.send(share)
  })
}

function summaryOf(events: readonly RecordedEvent[], promises: Promises): string {
  const counts = new Map<string, number>()
  let bytes = 0
  for (const event of events) {
    counts.set(event.type, (counts.get(event.type) ?? 0) + 1)
    if (event.type === 'write') bytes += event.bytes.length
  }
  const records = promises.batches.reduce((sum, { values }) => sum + values.length, 0)
  const count = (type: string): string => readable(counts.get(type) ?? 0)!
  return (
    `recorded: ${count('write')} writes of ${readable(bytes / 1e6)} MB, ${count('synced')} syncs, ` +
    `${count('link')} names given, ${count('rename')} changed, ${count('unlink')} removed; ` +
    `${readable(records)} records in ${readable(promises.batches.length)} batches acknowledged, ` +
    `${promises.commits.length} commits, ${promises.topics.length} topics`
  )
}

function rowOf(style: ImageStyle, checked: readonly Checked[], events: readonly RecordedEvent[]) {
  const ofStyle = checked.filter(({ loss }) => loss.style === style)
  const durations = ofStyle.map(({ startMs }) => startMs)
  return [
    style === 'any' ? 'any part, in any order' : style,
    ofStyle.length,
    ofStyle.filter(({ loss }) => loss.comesAgain).length,
    ofStyle.filter(({ loss }) => events[loss.place]!.type === 'sent').length,
    readable(median(durations)),
    readable(percentile(durations, 99)),
    ofStyle.filter(({ violations }) => violations.length > 0).length,
  ]
}
