/** `ottla group`: list, describe, delete, reset-offsets, delete-offsets. */
import { type Command, Option } from 'commander'
import { ClientError } from '../client/client-error.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { allGroups, deleteGroup } from '../client/group-admin.ts'
import { deleteOffsets } from '../client/group-offsets.ts'
import { topicsByName } from '../client/topic-metadata.ts'
import {
  type ClientFlags,
  collect,
  exitCodeOfFailure,
  newCommand,
  parseTopicPartitions,
  UsageError,
  wholeNumber,
  withClient,
  withClientFlags,
} from './command-line.ts'
import { printJson, printLine, remark, table } from './output.ts'
import type { ResetFlags } from './reset-offsets.ts'
import { parseDurationMs, parseMomentMs } from './times.ts'

export function groupCommand(): Command {
  const group = newCommand(
    'group',
    'Consumer groups: list and describe them, reset their offsets, delete them.',
  )

  withClientFlags(
    group.command('list').description('list groups'),
    `
ottla group list
ottla group list --state Stable`,
  )
    .option('--state <state>', 'only groups in this state, such as Stable or Empty; may be repeated', collect)
    .option(
      '--type <type>',
      'only groups of this type, such as Classic or Consumer; may be repeated',
      collect,
    )
    .action((flags: ListFlags) => withClient(flags, client => list(client, flags)))

  withClientFlags(
    group.command('describe').description('members, committed offsets and lag').argument('<group...>'),
    `
ottla group describe billing
ottla group describe billing --json | jq '[.[0].offsets[].lag] | add'`,
  ).action(async (groups: string[], flags: ClientFlags) => {
    const { describe } = await import('./describe-groups.ts')
    await withClient(flags, client => describe(client, groups, flags))
  })

  withClientFlags(
    group.command('delete').description('delete groups with their offsets').argument('<group...>'),
    `
ottla group delete billing`,
  ).action((groups: string[], flags: ClientFlags) =>
    withClient(flags, client => remove(client, groups, flags)),
  )

  resetOffsetsCommand(group)

  withClientFlags(
    group.command('delete-offsets').description('forget what a group has committed').argument('<group>'),
    `
ottla group delete-offsets billing --topic orders
ottla group delete-offsets billing --topic orders:0,1`,
  )
    .requiredOption('--topic <topic[:partition,...]>', 'of which topic; may be repeated', collect)
    .action((groupId: string, flags: DeleteOffsetsFlags) =>
      withClient(flags, client => forgetOffsets(client, groupId, flags)),
    )

  return group
}

function resetOffsetsCommand(group: Command): void {
  withClientFlags(
    group
      .command('reset-offsets')
      .description(
        'move the committed offsets of a group without members; a dry run unless told to --execute',
      )
      .argument('<group>'),
    `
ottla group reset-offsets billing --topic orders --to-earliest
ottla group reset-offsets billing --topic orders:0,1 --shift-by -10 --execute
ottla group reset-offsets billing --all-topics --to-datetime 2026-03-01T12:00:00Z --execute
ottla group reset-offsets billing --topic orders --by-duration 1h --execute`,
  )
    .option('--topic <topic[:partition,...]>', 'of which topic; may be repeated', collect)
    .option('--all-topics', 'of all topics for which the group has committed offsets')
    .option('--to-earliest', 'to the first records that are there')
    .option('--to-latest', 'to the end')
    .option('--to-current', 'to where they are, which sets those that are out of range right')
    .option('--to-offset <offset>', 'to this offset', wholeNumber(0))
    .option(
      '--shift-by <count>',
      'forward by so many records, or back if negative',
      wholeNumber(-Number.MAX_SAFE_INTEGER),
    )
    .option('--to-datetime <moment>', 'to the first records from this moment on', parseMomentMs)
    .option('--by-duration <duration>', 'to the first records of the last so long', parseDurationMs)
    .option('--execute', 'do it')
    .addOption(new Option('--dry-run', 'only show what would be done (default)').conflicts('execute'))
    .action(async (groupId: string, flags: ResetFlags) => {
      const { resetOffsets } = await import('./reset-offsets.ts')
      await withClient(flags, client => resetOffsets(client, groupId, flags))
    })
}

interface ListFlags extends ClientFlags {
  readonly state?: readonly string[]
  readonly type?: readonly string[]
}

async function list(client: ClusterClient, { json, state, type }: ListFlags): Promise<void> {
  const groups = (await allGroups(client)).filter(
    group => isAmong(group.state, state) && isAmong(group.type, type),
  )
  if (json) return printJson(groups)
  const rows = groups.map(({ groupId, type, protocolType, state }) => [groupId, type, protocolType, state])
  await printLine(table(['GROUP', 'TYPE', 'PROTOCOL', 'STATE'], rows))
}

/** Names of states and types have changed their case over time. */
function isAmong(name: string, wanted: readonly string[] | undefined): boolean {
  return wanted === undefined || wanted.some(one => one.toLowerCase() === name.toLowerCase())
}

async function remove(
  client: ClusterClient,
  groups: readonly string[],
  { json }: ClientFlags,
): Promise<void> {
  const rows: { groupId: string; deleted: boolean; error?: string }[] = []
  for (const groupId of new Set(groups)) {
    try {
      await deleteGroup(client, groupId)
      rows.push({ groupId, deleted: true })
      if (!json) await printLine(`Deleted group ${groupId}`)
    } catch (error) {
      if (!(error instanceof ClientError) || groups.length === 1) throw error
      rows.push({ groupId, deleted: false, error: error.failure })
      remark(error.message)
      process.exitCode ??= exitCodeOfFailure(error.failure)
    }
  }
  if (json) await printJson(rows)
}

interface DeleteOffsetsFlags extends ClientFlags {
  readonly topic: readonly string[]
}

async function forgetOffsets(
  client: ClusterClient,
  groupId: string,
  flags: DeleteOffsetsFlags,
): Promise<void> {
  const named = flags.topic.map(parseTopicPartitions)
  const topics = await topicsByName(
    client,
    named.map(({ topic }) => topic),
  )
  const partitions = named.flatMap(({ topic, partitions }, index) => {
    const all = topics[index]!.partitions.map(({ partition }) => partition)
    return (partitions ?? all).map(partition => ({ topic, partition }))
  })
  if (partitions.length === 0) throw new UsageError('No partition was named.')
  await deleteOffsets(client, groupId, partitions)
  if (flags.json) return printJson({ groupId, deleted: partitions })
  const names = partitions.map(({ topic, partition }) => `${topic}-${partition}`).join(', ')
  await printLine(`Group ${groupId} has no committed offsets for ${names} any more`)
}
