/**
 * One trial: a fresh copy of the data directory is damaged, the real broker starts on it, clients look at everything,
 * and what they saw is held against what they saw of the undamaged directory.
 *
 * Ranked from good to bad, the outcomes are: `harmless`, all was seen as it was; `broker`, something was missing or
 * different, or the broker had work to do, and it said so, by an error to the client or by a warning in its log;
 * `client`, the client's checksum refused what it got; `refused`, the broker did not start and said why;
 * `undetected`, something was different and nobody said anything; `crashed`, an error that nobody foresaw.
 */
import { cpSync, rmSync } from 'node:fs'
import type { Broker } from '../../../src/broker.ts'
import type { Logger, LogMethod } from '../../../src/platform/logger.ts'
import { RawClient } from '../../../src/testing/raw-client.ts'
import { type Damage, inflict } from './damage.ts'
import { brokerError, clientError, type Observation, Observer } from './observation.ts'
import { groupId, idempotent, lastOrder, startInProcess } from './small-data.ts'

export type Outcome = 'harmless' | 'broker' | 'client' | 'refused' | 'undetected' | 'crashed'

export interface TrialResult {
  readonly outcome: Outcome
  /** Names of the observations that were not as they should be. */
  readonly different: readonly string[]
  /** What was different, or why it did not start. */
  readonly text: string
  /** What the broker logged at level warn and above. */
  readonly remarks: readonly string[]
}

const partitions = [
  { topic: 'plain', partition: 0 },
  { topic: 'plain', partition: 1 },
  { topic: 'packed', partition: 0 },
  { topic: 'trimmed', partition: 0 },
  { topic: idempotent.topic, partition: 0 },
]

/** What clients see of an undamaged directory, or of one with a damage. */
export async function observe(
  broker: Broker,
  rounds: number,
  isThorough: (name: string) => boolean,
): Promise<Observation> {
  const client = await RawClient.connect(broker.listeners[0]!)
  try {
    const observer = new Observer(client)
    await observer.topics()
    await Promise.all(
      partitions.map(({ partition, topic }) =>
        observer.partition({ topic, partition, isThorough: isThorough(`${topic}-${partition}`) }),
      ),
    )
    await observer.committed(groupId)
    await observer.repeat(idempotent.topic, lastOrder(rounds).batch)
    return observer.seen
  } finally {
    await client.close()
  }
}

export interface TrialSetting {
  readonly pristine: string
  /** Where the copy goes. */
  readonly scratch: string
  readonly rounds: number
  readonly expected: Observation
}

export async function tryDamage(
  { expected, pristine, rounds, scratch }: TrialSetting,
  damage: Damage,
): Promise<TrialResult> {
  rmSync(scratch, { recursive: true, force: true })
  cpSync(pristine, scratch, { recursive: true })
  inflict(scratch, damage)
  const remarks: string[] = []
  let broker: Broker
  try {
    broker = await startInProcess(scratch, collectingLogger(remarks))
  } catch (error) {
    const { message, name } = error as Error
    const isForeseen = ![
      'TypeError',
      'RangeError',
      'SyntaxError',
      'ReferenceError',
      'AssertionError',
    ].includes(name)
    const outcome = isForeseen ? 'refused' : 'crashed'
    return { outcome, different: [], text: `${name}: ${message}`, remarks }
  }
  try {
    const folder = damage.file.split('/')[0]!
    const seen = await observe(broker, rounds, name => name === folder)
    return judge(expected, seen, remarks)
  } catch (error) {
    return { outcome: 'crashed', different: [], text: String((error as Error).stack), remarks }
  } finally {
    await broker.stop()
  }
}

function judge(expected: Observation, seen: Observation, remarks: readonly string[]): TrialResult {
  const different = Object.keys({ ...expected, ...seen }).filter(name => {
    return name in expected && (name in seen ? seen[name] !== expected[name] : !isOptional(name))
  })
  const added = Object.keys(seen).filter(name => !(name in expected) && name.startsWith('topic '))
  const all = [...different, ...added]
  if (all.length === 0) {
    return { outcome: remarks.length === 0 ? 'harmless' : 'broker', different: all, text: '', remarks }
  }
  const silent = all.filter(name => !isTold(seen[name] ?? ''))
  const shown = (names: string[]) =>
    names
      .map(name => `${name}: ${seen[name] ?? 'nothing'} instead of ${expected[name] ?? 'nothing'}`)
      .join('\n')
  if (silent.length > 0 && remarks.length === 0) {
    // An error that the client got about the same partition says that something is wrong there.
    const told = all.some(name => isTold(seen[name] ?? ''))
    return { outcome: told ? 'client' : 'undetected', different: all, text: shown(silent), remarks }
  }
  const isClients = all.some(name => seen[name]?.includes(clientError)) && remarks.length === 0
  return { outcome: isClients ? 'client' : 'broker', different: all, text: shown(all), remarks }
}

/** Asked of partitions that the damage is about, and of as many offsets as there seem to be. */
function isOptional(name: string): boolean {
  return /^(largest timestamp|epoch) of |^\d+ in |^offset \d+ of /.test(name)
}

const isTold = (text: string) => text.includes(brokerError) || text.includes(clientError)

function collectingLogger(remarks: string[]): Logger {
  const ignore: LogMethod = () => {}
  const note: LogMethod = (first: string | object, second?: string) => {
    const { err } = first as { err?: Error }
    remarks.push(
      typeof first === 'string' ? first : `${second}${err === undefined ? '' : `: ${err.message}`}`,
    )
  }
  const logger: Logger = {
    debug: ignore,
    info: ignore,
    warn: note,
    error: note,
    fatal: note,
    child: () => logger,
  }
  return logger
}
