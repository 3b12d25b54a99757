/**
 * A process that makes its share of the images, and starts the broker on each. It plays the recording from the first
 * event to the last, stopping at the places where the power fails.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openBroker } from '../../../src/broker.ts'
import { systemDisk } from '../../../src/platform/disk.ts'
import type { BrokerSettings } from '../../../src/settings/broker-settings.ts'
import { loadSettings } from '../../../src/settings/load-settings.ts'
import { CrashModel, type ImageStyle } from '../../../src/testing/crash-model.ts'
import { type DiskEvent, recordingDisk } from '../../../src/testing/recording-disk.ts'
import { type SeededRandom, seededRandom } from '../../seeded-random.ts'
import type { Violation } from '../record-ledger.ts'
import { Expectations } from './expected.ts'
import { checkImage } from './image-check.ts'
import type { Promises } from './promises.ts'
import { readRecording } from './recording.ts'

/** A power loss behind the event with this number. */
export interface PowerLoss {
  readonly place: number
  readonly style: ImageStyle
  /** The power fails once more, while the broker starts and stops on the image. */
  readonly comesAgain: boolean
  readonly seed: number
}

export interface Share {
  readonly recording: string
  /** A JSON file. */
  readonly promises: string
  /** In the order of their places. */
  readonly losses: readonly PowerLoss[]
  readonly scratch: string
  readonly settings: Readonly<Record<string, string | number>>
}

export interface Checked {
  readonly loss: PowerLoss
  readonly violations: readonly Violation[]
  readonly startMs: number
  /** Where the image is, if it is kept because of what was found. */
  readonly image: string | undefined
}

process.on('message', (share: Share) => {
  void work(share)
})

async function work({ recording, promises, losses, scratch, settings }: Share): Promise<void> {
  const events = readRecording(recording)
  const expectations = new Expectations(events, JSON.parse(readFileSync(promises, 'utf8')) as Promises)
  const model = new CrashModel()
  let isKept = false
  let next = 0
  for (const [place, event] of events.entries()) {
    expectations.passed(place, event)
    if (event.type !== 'sent') model.apply(event)
    for (; losses[next]?.place === place; next++) {
      const loss = losses[next]!
      const random = seededRandom(loss.seed)
      let image = join(scratch, `image-${next}`)
      mkdirSync(image)
      model.writeImage(image, below => random.between(0, below - 1), loss.style)
      if (loss.comesAgain) image = await loseAgain(image, settings, random)
      const startedAt = performance.now()
      const title = `power loss at ${place}, ${loss.style}${loss.comesAgain ? ', and again' : ''}`
      const violations = await checkImage(
        settingsOn(image, settings),
        systemDisk(),
        expectations.at(place),
        title,
      )
      const startMs = performance.now() - startedAt
      const isToBeKept: boolean = violations.length > 0 && !isKept
      isKept ||= isToBeKept
      if (!isToBeKept) rmSync(image, { recursive: true })
      process.send!({ loss, violations, startMs, image: isToBeKept ? image : undefined } satisfies Checked)
    }
  }
  process.send!('done')
}

function settingsOn(directory: string, settings: Share['settings']): BrokerSettings {
  const options = {
    ...settings,
    listeners: 'PLAINTEXT://127.0.0.1:0',
    'log.dirs': directory,
    'metrics.port': -1,
  }
  return loadSettings({ options }).settings
}

/** Starts and stops the broker on an image, and gives another of how the disk may be left in the middle of that. */
async function loseAgain(image: string, settings: Share['settings'], random: SeededRandom): Promise<string> {
  const events: DiskEvent[] = []
  const disk = recordingDisk(systemDisk(), image, event => {
    events.push(event.type === 'write' ? { ...event, bytes: Buffer.from(event.bytes) } : event)
  })
  const foundCount = events.length
  const broker = await openBroker(settingsOn(image, settings), { disk })
  await broker.stop()
  const model = new CrashModel()
  for (const event of events.slice(0, random.between(foundCount, events.length))) model.apply(event)
  const next = `${image}-again`
  mkdirSync(next)
  model.writeImage(next, below => random.between(0, below - 1))
  rmSync(image, { recursive: true })
  return next
}
