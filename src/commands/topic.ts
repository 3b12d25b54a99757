/** `ottla topic`: list, create, describe, alter, delete. */
import type { Command } from 'commander'
import { ClientError } from '../client/client-error.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import {
  alterTopicConfigs,
  type ConfigEntry,
  createTopic,
  deleteTopicsByName,
  growTopic,
  replicaSizes,
} from '../client/topic-admin.ts'
import { allTopics, type TopicView } from '../client/topic-metadata.ts'
import { partitionName } from '../client/topic-partitions.ts'
import {
  type ClientFlags,
  collect,
  collectEntry,
  exitCodeOfFailure,
  newCommand,
  UsageError,
  wholeNumber,
  withClient,
  withClientFlags,
} from './command-line.ts'
import { printJson, printLine, readableSize, remark, table } from './output.ts'

export function topicCommand(): Command {
  const topic = newCommand('topic', 'Topics: list, create, describe, alter and delete them.')

  withClientFlags(
    topic.command('list').description('list topics'),
    `
ottla topic list
ottla topic list --sizes --exclude-internal`,
  )
    .option('--sizes', "with their bytes on the brokers' disks, all replicas together")
    .option('--exclude-internal', 'without internal topics, such as __consumer_offsets')
    .action((flags: ListFlags) => withClient(flags, client => list(client, flags)))

  withClientFlags(
    topic.command('create').description('create a topic').argument('<name>'),
    `
ottla topic create orders --partitions 6
ottla topic create events --config retention.ms=3600000 --config compression.type=zstd`,
  )
    .option(
      '--partitions <count>',
      "how many partitions (default: the broker's num.partitions)",
      wholeNumber(1),
    )
    .option(
      '--replication-factor <count>',
      "how many replicas of each (default: the broker's default.replication.factor)",
      wholeNumber(1),
    )
    .option('--config <name=value>', 'a configuration of the topic; may be repeated', collectEntry)
    .option('--if-not-exists', 'a topic that exists already is left as it is')
    .option('--validate-only', 'only say whether it could be created')
    .action((name: string, flags: CreateFlags) => withClient(flags, client => create(client, name, flags)))

  withClientFlags(
    topic.command('describe').description('describe topics').argument('[name...]', 'topics (default: all)'),
    `
ottla topic describe orders
ottla topic describe orders --json | jq '.[0].partitions[].nextOffset'`,
  ).action(async (names: string[], flags: ClientFlags) => {
    const { describe } = await import('./describe-topics.ts')
    await withClient(flags, client => describe(client, names, flags))
  })

  withClientFlags(
    topic.command('alter').description('change a topic').argument('<name>'),
    `
ottla topic alter orders --partitions 12
ottla topic alter orders --config retention.ms=86400000 --delete-config segment.bytes`,
  )
    .option('--partitions <count>', 'raise the number of partitions to this', wholeNumber(1))
    .option('--config <name=value>', 'set a configuration; may be repeated', collectEntry)
    .option('--delete-config <name>', 'back to the default; may be repeated', collect)
    .option('--validate-only', 'only say whether it could be changed')
    .action((name: string, flags: AlterFlags) => withClient(flags, client => alter(client, name, flags)))

  withClientFlags(
    topic.command('delete').description('delete topics with all their records').argument('<name...>'),
    `
ottla topic delete orders
ottla topic delete orders payments --if-exists`,
  )
    .option('--if-exists', 'a topic that does not exist is no error')
    .action((names: string[], flags: DeleteFlags) =>
      withClient(flags, client => remove(client, names, flags)),
    )

  return topic
}

interface ListFlags extends ClientFlags {
  readonly sizes?: boolean
  readonly excludeInternal?: boolean
}

async function list(client: ClusterClient, flags: ListFlags): Promise<void> {
  const found = await allTopics(client)
  const topics = flags.excludeInternal ? found.filter(({ isInternal }) => !isInternal) : found
  const sizeOf = flags.sizes ? await sizesOf(client, topics) : undefined
  const rows = topics.map(topic => ({
    name: topic.name,
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    partitions: topic.partitions.length,
    replicationFactor: topic.partitions[0]?.replicas.length ?? 0,
    ...(sizeOf === undefined ? {} : { sizeBytes: sizeOf(topic) }),
  }))
  if (flags.json) return printJson(rows)
  const headings = ['TOPIC', 'PARTITIONS', 'REPLICAS', ...(sizeOf === undefined ? [] : ['SIZE'])]
  const cells = rows.map(({ name, partitions, replicationFactor, sizeBytes }) => {
    const size = sizeOf === undefined ? [] : [readableSize(sizeBytes)]
    return [name, partitions, replicationFactor, ...size]
  })
  await printLine(table(headings, cells))
}

async function sizesOf(
  client: ClusterClient,
  topics: readonly TopicView[],
): Promise<(topic: TopicView) => number | undefined> {
  const partitions = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partition }) => ({ topic: name, partition })),
  )
  const sizes = await replicaSizes(client, partitions)
  return topic => {
    let sum = 0
    for (const { partition } of topic.partitions) {
      for (const onBroker of sizes.values())
        sum += onBroker.get(partitionName({ topic: topic.name, partition })) ?? 0
    }
    return sum
  }
}

interface CreateFlags extends ClientFlags {
  readonly partitions?: number
  readonly replicationFactor?: number
  readonly config?: readonly ConfigEntry[]
  readonly ifNotExists?: boolean
  readonly validateOnly?: boolean
}

async function create(client: ClusterClient, name: string, flags: CreateFlags): Promise<void> {
  const { partitions, replicationFactor, config: configs = [], validateOnly } = flags
  const shown = (count: number, noun: string) =>
    count < 0 ? '' : `, ${count} ${count === 1 ? noun : `${noun}s`}`
  try {
    const made = await createTopic(client, { name, partitions, replicationFactor, configs }, { validateOnly })
    if (flags.json) return await printJson({ ...made, created: !validateOnly })
    const what = validateOnly ? 'Could create' : 'Created'
    const size = shown(made.partitions, 'partition') + shown(made.replicationFactor, 'replica')
    await printLine(`${what} topic ${name}${size}`)
  } catch (error) {
    const exists = error instanceof ClientError && error.failure === 'TOPIC_ALREADY_EXISTS'
    if (!exists || !flags.ifNotExists) throw error
    if (flags.json) return await printJson({ name, created: false })
    await printLine(`Topic ${name} exists already`)
  }
}

interface AlterFlags extends ClientFlags {
  readonly partitions?: number
  readonly config?: readonly ConfigEntry[]
  readonly deleteConfig?: readonly string[]
  readonly validateOnly?: boolean
}

async function alter(client: ClusterClient, name: string, flags: AlterFlags): Promise<void> {
  const { partitions, config: set = [], deleteConfig: deleted = [], validateOnly } = flags
  const changesConfigs = set.length + deleted.length > 0
  if (partitions === undefined && !changesConfigs) {
    throw new UsageError('There is nothing to change: say --partitions, --config or --delete-config.')
  }
  // Configurations first: they can be taken back, partitions cannot.
  if (changesConfigs) await alterTopicConfigs(client, name, set, deleted, { validateOnly })
  if (partitions !== undefined) await growTopic(client, name, partitions, { validateOnly })
  if (flags.json) {
    const configs = Object.fromEntries(set.map(({ name, value }) => [name, value]))
    return printJson({ name, partitions, configs, deletedConfigs: deleted, altered: !validateOnly })
  }
  await printLine(`${validateOnly ? 'Could alter' : 'Altered'} topic ${name}`)
}

interface DeleteFlags extends ClientFlags {
  readonly ifExists?: boolean
}

async function remove(client: ClusterClient, names: readonly string[], flags: DeleteFlags): Promise<void> {
  const results = await deleteTopicsByName(client, [...new Set(names)])
  const rows: { name: string; deleted: boolean; error?: string }[] = []
  for (const [name, error] of results) {
    rows.push({ name, deleted: error === undefined, ...(error && { error: error.failure }) })
    if (error === undefined) {
      if (!flags.json) await printLine(`Deleted topic ${name}`)
      continue
    }
    if (flags.ifExists && error.failure === 'UNKNOWN_TOPIC_OR_PARTITION') continue
    remark(error.message)
    process.exitCode ??= exitCodeOfFailure(error.failure)
  }
  if (flags.json) await printJson(rows)
}
