/**
 * `ottla log repair`: carries out what verify proposes. Nothing is invented: a header is corrected only where its
 * neighbours leave one possibility and the checksum confirms the rest, what cannot be read is taken out and kept in
 * `set-aside`, and everything that follows from the log (indexes, snapshots, epochs) is made anew by the engine's own
 * recovery.
 *
 * Recovery after a crash cuts a log off at the first damage. Here what lies behind is kept: it becomes a segment of its
 * own, named by its first offset, so that readers step over the gap as they do over what compaction has removed. Such a
 * replacement of a segment goes the way of Kafka's cleaner (`.cleaned`, `.swap`, in place), so that a crash in the
 * middle of it is finished or undone by the next start.
 *
 * Steps are in an order in which a crash loses nothing: what is taken out is in `set-aside`, synced, before it goes.
 */
import { basename, dirname, join } from 'node:path'
import { systemClock } from '../platform/clock.ts'
import type { Disk } from '../platform/disk.ts'
import { silentLogger } from '../platform/logger.ts'
import { readOffsetCheckpoint, writeCheckpoint } from '../storage/local/checkpoint-file.ts'
import { highWatermarkName, recoveryPointName } from '../storage/local/data-directory.ts'
import { finishInterruptedSwap } from '../storage/local/interrupted-swap.ts'
import {
  cleanedSuffix,
  parsePartitionDirectoryName,
  parseSegmentFileName,
  partitionMetadataFileName,
  segmentFileName,
  swapSuffix,
} from '../storage/local/log-files.ts'
import { openLog } from '../storage/local/open-log.ts'
import { OpenSegments } from '../storage/local/open-segments.ts'
import { readTopicId, writeTopicId } from '../storage/local/partition-metadata.ts'
import { UnsyncedBytes } from '../storage/local/unsynced-bytes.ts'
import { checkPartition } from './check-partition.ts'
import { type DataTarget, filesIn, type PartitionDirectory } from './data-files.ts'
import { configOf, type DataKnowledge, knowledgeOf } from './data-knowledge.ts'
import type { Finding, FindingKind, Remedy } from './findings.ts'
import { copyBytes, SetAside } from './set-aside.ts'
import type { Verification } from './verify.ts'

type RemedyOf<Type extends Remedy['type']> = Extract<Remedy, { type: Type }>
type Remediable = Finding & { readonly remedy: Remedy }

/** What cannot be had from the log again: while any of it is damaged, recovery might cut off more than must go. */
const kindsOfTheLog: ReadonlySet<FindingKind> = new Set([
  'cut off',
  'debris',
  'checksum',
  'header',
  'base offset',
  'leader epoch',
])

/** The findings that something can be done about, in the order in which it is done. */
export function remediable(findings: readonly Finding[]): Remediable[] {
  return findings.filter((finding): finding is Remediable => finding.remedy !== undefined)
}

/** Does it all; gives sentences about what could not be done. The caller holds the directory's lock. */
export async function repair(disk: Disk, target: DataTarget, verification: Verification): Promise<string[]> {
  const problems: string[] = []
  const { data } = verification
  for (const finding of remediable(verification.findings)) {
    if (finding.remedy.type === 'set aside') setAside(disk, finding.path)
  }
  const ends = new Map<string, number>()
  for (const { directory, findings } of verification.partitions) {
    let remedies = remediable(findings)
    if (remedies.length === 0) continue
    // A replacement that was interrupted is finished or undone first: it would get mixed up with ours.
    if (finishInterruptedSwap(disk, silentLogger, directory.path, disk.list(directory.path))) {
      remedies = remediable((await checkPartition(disk, directory, knowledgeOf(data, directory))).findings)
    }
    const partition = new PartitionRepair(disk, directory, data)
    const end = await partition.run(remedies)
    if (typeof end === 'string') problems.push(end)
    else ends.set(directory.name, end)
  }
  if (target.root !== undefined && ends.size > 0) await moveCheckpoints(disk, target.root, ends)
  return problems
}

/** In the root Kafka knows files by their names only, and folders not at all. */
function setAside(disk: Disk, path: string): void {
  if (disk.readFile(path) !== undefined) disk.rename(path, `${path}.damaged`)
}

/** What was repaired is on disk up to its end. */
async function moveCheckpoints(disk: Disk, root: string, ends: ReadonlyMap<string, number>): Promise<void> {
  const recoveryPointPath = join(root, recoveryPointName)
  const recoveryPoints = readOffsetCheckpoint(disk, recoveryPointPath) ?? new Map<string, number>()
  for (const [name, end] of ends) recoveryPoints.set(name, end)
  writeOffsets(disk, recoveryPointPath, recoveryPoints)
  const highWatermarkPath = join(root, highWatermarkName)
  const highWatermarks = readOffsetCheckpoint(disk, highWatermarkPath) ?? new Map<string, number>()
  for (const [name, end] of ends) {
    if ((highWatermarks.get(name) ?? 0) > end) highWatermarks.set(name, end)
  }
  if (highWatermarks.size > 0) writeOffsets(disk, highWatermarkPath, highWatermarks)
  await disk.syncDirectory(root)
}

function writeOffsets(disk: Disk, path: string, offsets: ReadonlyMap<string, number>): void {
  const entries = [...offsets].map(([name, offset]) => {
    const { index, topic } = parsePartitionDirectoryName(name)!
    return [topic, index, offset] as const
  })
  writeCheckpoint(disk, path, entries, true)
}

class PartitionRepair {
  private readonly disk: Disk
  private readonly directory: PartitionDirectory
  private readonly data: DataKnowledge | undefined
  private readonly aside: SetAside

  constructor(disk: Disk, directory: PartitionDirectory, data: DataKnowledge | undefined) {
    this.disk = disk
    this.directory = directory
    this.data = data
    this.aside = new SetAside(disk, directory.path)
  }

  /** Gives the log's end; or why the engine could not be let at it. */
  async run(findings: readonly Remediable[]): Promise<number | string> {
    for (const { path, remedy } of findings) {
      if (remedy.type === 'restamp') await this.restamp(path, remedy)
      else if (remedy.type === 'name owner') writeTopicId(this.disk, dirname(path), remedy.topicId)
      else if (remedy.type === 'note loss') await this.noteLoss(path, remedy)
    }
    for (const path of new Set(findings.map(finding => finding.path))) {
      const remedies = findings.filter(finding => finding.path === path).map(({ remedy }) => remedy)
      const cut = remedies.find((remedy): remedy is RemedyOf<'cut'> => remedy.type === 'cut')
      if (cut !== undefined) await this.cut(path, cut)
      const holes = remedies.filter((remedy): remedy is RemedyOf<'take out'> => remedy.type === 'take out')
      if (holes.length > 0) await this.takeOut(path, holes)
      // What is made anew is not to be read before: the engine would believe a history of epochs that ascends.
      const isDerived =
        remedies.some(({ type }) => type === 'rebuild') &&
        parseSegmentFileName(basename(path))?.kind !== 'log'
      if (isDerived && this.disk.readFile(path) !== undefined)
        await this.aside.move(path, 'made anew from the log')
    }
    return this.rebuild()
  }

  private async restamp(path: string, { before, position, prefix }: RemedyOf<'restamp'>): Promise<void> {
    await this.aside.note({
      file: basename(path),
      done: 'corrected a header',
      position,
      before: before.toString('hex'),
    })
    const descriptor = this.disk.openForWrite(path, false)
    try {
      // The checksum's field follows, and is right.
      this.disk.write(descriptor, prefix, position)
      this.disk.syncNow(descriptor)
    } finally {
      this.disk.close(descriptor)
    }
  }

  private noteLoss(path: string, remedy: RemedyOf<'note loss'>): Promise<void> {
    return this.aside.note({
      file: basename(path),
      done: 'offsets were missing before this',
      ...lostBy(remedy),
    })
  }

  private async cut(path: string, remedy: RemedyOf<'cut'>): Promise<void> {
    const { position, size } = remedy
    await this.aside.copy(path, position, size, { done: 'cut off the end', ...lostBy(remedy) })
    const descriptor = this.disk.openForWrite(path, false)
    try {
      this.disk.truncate(descriptor, position)
      this.disk.syncNow(descriptor)
    } finally {
      this.disk.close(descriptor)
    }
  }

  private async takeOut(path: string, holes: readonly RemedyOf<'take out'>[]): Promise<void> {
    const { disk } = this
    const size = disk.sizeOf(path)
    let from = 0
    let baseOffset = parseSegmentFileName(basename(path))!.baseOffset
    const cleaned: string[] = []
    const keep = (end: number) => {
      const name = segmentFileName(baseOffset, 'log') + cleanedSuffix
      copyBytes(disk, path, from, end - from, join(this.directory.path, name))
      cleaned.push(name)
    }
    for (const hole of [...holes].sort((a, b) => a.position - b.position)) {
      await this.aside.copy(path, hole.position, hole.size, { done: 'taken out', ...lostBy(hole) })
      // The first replaces the file that is there, even if nothing is left of it.
      if (hole.position > from || from === 0) keep(hole.position)
      from = hole.position + hole.size
      baseOffset = hole.nextOffset
    }
    if (size > from) keep(size)
    for (const name of cleaned.reverse()) {
      const finalName = name.slice(0, -cleanedSuffix.length)
      disk.rename(join(this.directory.path, name), join(this.directory.path, finalName + swapSuffix))
    }
    await disk.syncDirectory(this.directory.path)
    finishInterruptedSwap(disk, silentLogger, this.directory.path, disk.list(this.directory.path))
    await disk.syncDirectory(this.directory.path)
  }

  /** Has the engine recover the log from its beginning, which makes all that follows from it. */
  private async rebuild(): Promise<number | string> {
    const { data, directory, disk } = this
    const knowledge = knowledgeOf(data, directory)
    const { findings } = await checkPartition(disk, directory, knowledge)
    const damage = findings.find(({ kind, severity }) => severity === 'damage' && kindsOfTheLog.has(kind))
    if (damage !== undefined) {
      return `${directory.name} is still damaged, so indexes and snapshots were not made anew: ${damage.message}`
    }
    const config = configOf(data, directory)
    const topicId = knowledge.topicId ?? readTopicId(disk, directory.path)
    const log = openLog(
      {
        topicId: topicId ?? '',
        topic: directory.topic,
        index: directory.index,
        ...(knowledge.leaderEpoch === undefined ? {} : { leaderEpoch: knowledge.leaderEpoch }),
      },
      directory.path,
      // What is missing was taken out: that is no reason to cut off what follows.
      { ...config, cleanupPolicy: { ...config.cleanupPolicy, compact: true } },
      {
        disk: topicId === undefined ? withoutOwner(disk) : disk,
        clock: systemClock,
        logger: silentLogger,
        openSegments: new OpenSegments(100),
        unsynced: new UnsyncedBytes(Number.POSITIVE_INFINITY, () => {}),
        random: () => 0,
        isJournaled: false,
        syncWanted: () => {},
        offsetsMoved: () => {},
        discard: () => {},
      },
      { wasShutDownCleanly: false, recoveryPoint: 0, logStartOffset: knowledge.logStartOffset },
    )
    const { logEndOffset } = log
    // Recovery leaves alone what is below the log start, and nobody reads there; but what was moved is to be there again.
    for (const segment of log.segments)
      if (segment.size > 0 && segment.offsets.count >= 0) segment.finishIndexes()
    log.close()
    for (const path of filesIn(disk, directory.path)) syncFile(disk, path)
    await disk.syncDirectory(directory.path)
    return logEndOffset
  }
}

function lostBy({ fromOffset, nextOffset }: { readonly fromOffset: number; readonly nextOffset: number }) {
  return nextOffset > fromOffset ? { lostFrom: fromOffset, lostTo: nextOffset } : {}
}

/** The engine writes a partition's owner when there is none; who that is, is not known here. */
function withoutOwner(disk: Disk): Disk {
  return {
    ...disk,
    replaceFile(path, content, durable) {
      if (basename(path) !== partitionMetadataFileName) disk.replaceFile(path, content, durable)
    },
  }
}

function syncFile(disk: Disk, path: string): void {
  const descriptor = disk.openForWrite(path, false)
  try {
    disk.syncNow(descriptor)
  } finally {
    disk.close(descriptor)
  }
}
