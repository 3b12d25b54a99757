/**
 * `ottla consume --group`: as a member of a consumer group, from where the group has committed. What was printed is
 * committed every few seconds, before the group rebalances and at the end; so what a crash leaves uncommitted is
 * printed again, and nothing is left out. The member leaves the group when it ends, by Ctrl-C too.
 */
import { ClientError } from '../client/client-error.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { GroupMember, isMembershipLost } from '../client/group-member.ts'
import { committedOffsets, type PartitionOffset } from '../client/group-offsets.ts'
import { offsetRanges } from '../client/partition-offsets.ts'
import { type ReadRecord, RecordReader } from '../client/record-reader.ts'
import { topicsByName } from '../client/topic-metadata.ts'
import { partitionName, type TopicPartition } from '../client/topic-partitions.ts'
import type { ConsumeFlags } from './consume.ts'
import { endsOf, readToEnd, remarkReset } from './consume-partitions.ts'
import { anyOf, interruption } from './interruption.ts'
import { remark } from './output.ts'
import { RecordPrinter } from './record-printer.ts'

const commitIntervalMs = 5000

export async function consumeInGroup(
  client: ClusterClient,
  topics: readonly string[],
  groupId: string,
  flags: ConsumeFlags,
): Promise<void> {
  await topicsByName(client, topics)
  const member = new GroupMember(client, { groupId, topics, groupInstanceId: flags.groupInstance })
  const printer = new RecordPrinter(flags)
  const interrupted = interruption().signal
  try {
    for (let isDone = false; !isDone; ) {
      const partitions = await joinUnlessInterrupted(client, member, interrupted)
      if (partitions === undefined) break
      isDone = await readAssigned(client, member, groupId, partitions, printer, flags, interrupted)
    }
  } finally {
    await leave(member)
  }
  if (!interrupted.aborted) printer.reportEnd()
}

/** Joining may take as long as the slowest member: a signal does not wait for it. undefined: it was interrupted. */
async function joinUnlessInterrupted(
  client: ClusterClient,
  member: GroupMember,
  interrupted: AbortSignal,
): Promise<readonly TopicPartition[] | undefined> {
  const giveUp = () => client.close()
  interrupted.addEventListener('abort', giveUp)
  try {
    return await member.join(interrupted)
  } catch (error) {
    if (interrupted.aborted && error instanceof ClientError) return undefined
    throw error
  } finally {
    interrupted.removeEventListener('abort', giveUp)
  }
}

/** Reads what this generation assigns; gives whether that was all, or the group is to be joined again. */
async function readAssigned(
  client: ClusterClient,
  member: GroupMember,
  groupId: string,
  partitions: readonly TopicPartition[],
  printer: RecordPrinter,
  flags: ConsumeFlags,
  interrupted: AbortSignal,
): Promise<boolean> {
  const { rebalancing } = member
  const ranges = await offsetRanges(client, partitions, flags.isolationLevel)
  const committed = new Map(
    (await committedOffsets(client, groupId, partitions)).map(of => [partitionName(of), of.offset]),
  )
  const start = partitions.map(partition => {
    const name = partitionName(partition)
    const { earliest, latest } = ranges.get(name)!
    return { ...partition, offset: committed.get(name) ?? (flags.offset === 'latest' ? latest : earliest) }
  })
  const reader = new RecordReader(client, start, { isolation: flags.isolationLevel, onReset: remarkReset })
  const commits = new Commits(member)
  try {
    await readToEnd({
      reader,
      printer,
      partitions,
      ends: endsOf(flags, ranges),
      stop: [interrupted, rebalancing],
      onPrinted: records => commits.printed(records),
    })
    // Nothing was assigned, but something may be later.
    if (partitions.length === 0 && isWaiting(flags))
      await whenAborted([interrupted, rebalancing], printer.patienceMs)
  } finally {
    await commits.commit()
  }
  return interrupted.aborted || printer.hasEnough || printer.isOutOfPatience || !rebalancing.aborted
}

function isWaiting({ follow, timeout }: ConsumeFlags): boolean {
  return follow === true || timeout !== undefined
}

async function whenAborted(signals: readonly AbortSignal[], timeoutMs: number | undefined): Promise<void> {
  const { signal, release } = anyOf(signals, timeoutMs)
  if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve))
  release()
}

/** What has been printed and not yet committed. */
class Commits {
  private readonly member: GroupMember
  private readonly offsets = new Map<string, PartitionOffset>()
  private committedMs = performance.now()

  constructor(member: GroupMember) {
    this.member = member
  }

  async printed(records: readonly ReadRecord[]): Promise<void> {
    for (const { topic, partition, offset } of records) {
      this.offsets.set(partitionName({ topic, partition }), { topic, partition, offset: offset + 1 })
    }
    if (performance.now() - this.committedMs >= commitIntervalMs) await this.commit()
  }

  async commit(): Promise<void> {
    const offsets = [...this.offsets.values()]
    this.offsets.clear()
    this.committedMs = performance.now()
    if (offsets.length === 0) return
    try {
      await this.member.commit(offsets)
    } catch (error) {
      if (!isMembershipLost(error) && !isRebalancing(error)) throw error
      remark(`${(error as Error).message} What was printed since the last commit will be read again.`)
    }
  }
}

function isRebalancing(error: unknown): boolean {
  return error instanceof ClientError && error.failure === 'REBALANCE_IN_PROGRESS'
}

/** The command ends either way; without a goodbye the group waits for the session to run out. */
async function leave(member: GroupMember): Promise<void> {
  try {
    await member.leave()
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    remark(error.message)
  }
}
