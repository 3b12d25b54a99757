/**
 * `ottla consume`: what it takes from the command line. Without a group partitions are read from where one says; in a
 * group (consume-group.ts) from where the group left off. It ends at what was the end when it began, unless it is to
 * follow, or after so many records, or when none has come for so long.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { IsolationLevel } from '../client/partition-offsets.ts'
import {
  type ClientFlags,
  newCommand,
  UsageError,
  wholeNumber,
  withClient,
  withClientFlags,
} from './command-line.ts'
import { parseDurationMs, parseMomentMs } from './times.ts'

export interface ConsumeFlags extends ClientFlags {
  readonly fromBeginning?: boolean
  readonly offset?: StartOffset
  readonly fromTime?: number
  readonly partition?: readonly number[]
  readonly group?: string
  readonly groupInstance?: string
  readonly maxMessages?: number
  readonly timeout?: number
  readonly follow?: boolean
  readonly isolationLevel: IsolationLevel
  readonly raw?: boolean
}

/** A number is an offset; a negative one counts back from the end. */
export type StartOffset = 'earliest' | 'latest' | number

export function consumeCommand(): Command {
  return withClientFlags(
    newCommand('consume', 'Print the records of topics, from the beginning unless told otherwise.').argument(
      '<topic...>',
    ),
    `
ottla consume orders
ottla consume orders --follow --offset latest
ottla consume orders --partition 0 --offset -10
ottla consume orders --from-time 10m --json | jq .value
ottla consume orders payments --group billing --follow
ottla consume replies --max-messages 1 --timeout 10s`,
  )
    .option('--from-beginning', 'from the first record that is there (default)')
    .option('--offset <offset>', 'from this offset; -10 is ten before the end; earliest, latest', parseOffset)
    .option(
      '--from-time <moment>',
      'from the first record of this moment on, or of the last 10m',
      parseMomentMs,
    )
    .option('--partition <number,...>', 'only these partitions; may be repeated', collectPartitions)
    .option('--group <group>', 'as a member of this consumer group, which commits what was printed')
    .option('--group-instance <id>', "the member's group.instance.id, for a static one")
    .option('--max-messages <count>', 'end after so many records', wholeNumber(1))
    .option(
      '--timeout <duration>',
      'wait for records, and end when none has come for so long',
      parseDurationMs,
    )
    .option('-f, --follow', 'go on with what is produced from now on')
    .addOption(
      new Option('--isolation-level <level>', 'whether records of open and aborted transactions are read')
        .choices(['read_uncommitted', 'read_committed'])
        .default('read_uncommitted'),
    )
    .addOption(new Option('--raw', 'only the values, each with a newline behind it').conflicts('json'))
    .action(async (topics: string[], flags: ConsumeFlags) => {
      await withClient(flags, async client => {
        checkFlags(flags)
        if (flags.group === undefined) {
          const { consumePartitions } = await import('./consume-partitions.ts')
          await consumePartitions(client, [...new Set(topics)], flags)
        } else {
          const { consumeInGroup } = await import('./consume-group.ts')
          await consumeInGroup(client, [...new Set(topics)], flags.group, flags)
        }
      })
    })
}

function checkFlags({
  fromBeginning,
  offset,
  fromTime,
  partition,
  group,
  groupInstance,
}: ConsumeFlags): void {
  const starts = [fromBeginning, offset, fromTime].filter(start => start !== undefined)
  if (starts.length > 1) throw new UsageError('Give one of --from-beginning, --offset and --from-time.')
  if (group === undefined) {
    if (groupInstance !== undefined) throw new UsageError('--group-instance goes with --group.')
    return
  }
  if (partition !== undefined) {
    throw new UsageError('In a group the partitions are assigned: leave --partition out.')
  }
  if (typeof offset === 'number' || fromTime !== undefined) {
    throw new UsageError(
      'A group goes on where it has committed; "ottla group reset-offsets" moves that. Here --offset may be earliest or latest, for partitions without a commit.',
    )
  }
}

function parseOffset(text: string): StartOffset {
  if (text === 'earliest' || text === 'latest') return text
  // "end" and "beginning" are what other tools say.
  if (text === 'beginning') return 'earliest'
  if (text === 'end') return 'latest'
  const offset = Number(text)
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(offset)) return offset
  throw new InvalidArgumentError('It must be a number, earliest or latest.')
}

function collectPartitions(text: string, earlier: readonly number[] = []): readonly number[] {
  const parse = wholeNumber(0)
  return [...earlier, ...text.split(',').map(parse)]
}
