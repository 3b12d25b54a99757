/**
 * One trial: the data directory, in memory, is damaged, the real broker starts on it, clients look at everything, and
 * what they saw is held against what they saw of the undamaged directory.
 *
 * Ranked from good to bad, the outcomes are: `harmless`, all was seen as it was; `broker`, something was missing or
 * different, or the broker had work to do, and it said so, by an error to the client or by a warning in its log;
 * `client`, the client's checksum refused what it got; `refused`, the broker did not start and said why;
 * `undetected`, something was different and nobody said anything; `crashed`, an error that nobody foresaw.
 */
import type { Broker } from '../../../src/broker.ts'
import type { Logger, LogMethod } from '../../../src/platform/logger.ts'
import { type DirectoryContent, memoryDisk } from '../../../src/testing/memory-disk.ts'
import { RawClient } from '../../../src/testing/raw-client.ts'
import { type Damage, inflict } from './damage.ts'
import { brokerError, clientError, type Observation, Observer } from './observation.ts'
import { startInProcess } from './small-data.ts'
import { groupId, memberGroupId } from './small-groups.ts'
import { idempotent, lastOrder } from './small-records.ts'

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
    await observer.configs([...new Set(partitions.map(({ topic }) => topic))])
    await observer.committed(groupId)
    await observer.groups(memberGroupId)
    await observer.repeat(idempotent.topic, lastOrder(rounds))
    await observer.nextProducerId()
    return observer.seen
  } finally {
    await client.close()
  }
}

export interface TrialSetting {
  /** The data directory. */
  readonly pristine: string
  /** Where it seems to be; the broker's lock is there. */
  readonly scratch: string
  readonly rounds: number
  readonly expected: Observation
}

export async function tryDamage(
  { expected, rounds, scratch }: TrialSetting,
  pristine: DirectoryContent,
  damage: Damage,
): Promise<TrialResult> {
  const remarks: string[] = []
  let broker: Broker
  try {
    const disk = memoryDisk(scratch, inflict(pristine, damage))
    broker = await startInProcess(scratch, { disk, logger: collectingLogger(remarks) })
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
  return /^(largest timestamp|epoch \d) of |^\d+ in |^offset \d+ of /.test(name)
}

const isTold = (text: string) => text.includes(brokerError) || text.includes(clientError)

export function collectingLogger(remarks: string[]): Logger {
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
