/**
 * `ottla log verify`: everything in a data directory held against everything else in it. Each partition is read once,
 * some at the same time, so that one waits for the disk while another is checked.
 *
 * Changes nothing. A file on its own is verified as part of its partition, since most of what can be wrong with it only
 * shows beside the others.
 */
import { join } from 'node:path'
import type { Disk } from '../platform/disk.ts'
import { clusterMetadataTopic, isReservedTopicName, journalTopic } from '../storage/internal-topic-names.ts'
import {
  highWatermarkName,
  logStartOffsetName,
  metaPropertiesName,
  recoveryPointName,
} from '../storage/local/data-directory.ts'
import { readTopicId } from '../storage/local/partition-metadata.ts'
import { checkJournal } from './check-journal.ts'
import { type CheckedPartition, checkPartition } from './check-partition.ts'
import { type DataTarget, isSetAside, type PartitionDirectory } from './data-files.ts'
import { type DataKnowledge, knowledgeOf, readDataKnowledge } from './data-knowledge.ts'
import { addCounts, type Counts, type Finding, noCounts } from './findings.ts'

/** Partitions that are read at the same time. */
const sideBySide = 4

export interface Verification {
  readonly partitions: readonly CheckedPartition[]
  /** Of what belongs to no partition. */
  readonly findings: readonly Finding[]
  readonly total: Counts
  readonly data: DataKnowledge | undefined
}

export async function verify(
  disk: Disk,
  target: DataTarget,
  checked: (partition: CheckedPartition) => void = () => {},
): Promise<Verification> {
  const data = target.root === undefined ? undefined : await readDataKnowledge(disk, target.root)
  const partitions: CheckedPartition[] = []
  const waiting = [...target.partitions]
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const partition = await checkPartition(disk, next, knowledgeOf(data, next))
      partitions.push(partition)
      checked(partition)
    }
  }
  await Promise.all(Array.from({ length: sideBySide }, worker))
  const order = new Map(target.partitions.map((directory, n) => [directory, n]))
  partitions.sort((a, b) => order.get(a.directory)! - order.get(b.directory)!)
  const findings = [...(data?.findings ?? [])]
  if (data !== undefined && target.isWhole) {
    if (data.hasCatalogue) findings.push(...checkCatalogue(disk, data, target.partitions))
    findings.push(...checkCheckpointNames(data, target.partitions))
  }
  const nameOf = target.isWhole && data !== undefined ? namesOf(disk, data, partitions) : () => undefined
  const ends = new Map(partitions.map(({ directory, logEndOffset }) => [directory.name, logEndOffset]))
  for (const [n, partition] of partitions.entries()) {
    if (partition.directory.topic === clusterMetadataTopic) {
      partitions[n] = { ...partition, findings: partition.findings.map(withCatalogueCost) }
    }
    if (partition.directory.topic !== journalTopic) continue
    const findings = await checkJournal(disk, partition.directory, nameOf, ends)
    partitions[n] = { ...partition, findings }
  }
  const total = noCounts()
  for (const { counts } of partitions) addCounts(total, counts)
  return { partitions, findings, total, data }
}

/** What goes from the catalogue is more than what goes from a topic, and whoever repairs it should know. */
function withCatalogueCost(finding: Finding): Finding {
  const { message, remedy, severity } = finding
  if (severity !== 'damage' || (remedy?.type !== 'cut' && remedy?.type !== 'take out')) return finding
  const cost =
    'without it the catalogue forgets topics, configurations or producer ids, and the next start moves the partitions of a topic that it does not know aside; restore it from a copy if there is one'
  return { ...finding, message: `${message}; ${cost}` }
}

/** All findings, or those about the file that was asked for. */
export function findingsOf({ findings, partitions }: Verification, { file }: DataTarget): Finding[] {
  const all = [...findings, ...partitions.flatMap(partition => partition.findings)]
  return file === undefined ? all : all.filter(({ path }) => path === file)
}

/** The catalogue's topics against the directories, both ways, and the directory's own id. */
function* checkCatalogue(
  disk: Disk,
  data: DataKnowledge,
  directories: readonly PartitionDirectory[],
): Iterable<Finding> {
  const { catalog, directoryId, root } = data
  const names = new Set(directories.map(({ name }) => name))
  for (const topic of catalog.topics.values()) {
    for (const { index } of topic.partitions) {
      const name = `${topic.name}-${index}`
      const livesIn = data.directoryIdOf(topic.id, index)
      if (names.has(name) || (livesIn !== undefined && livesIn !== directoryId)) continue
      const recoveryPoint = data.recoveryPoints.get(name) ?? 0
      const path = join(root, name)
      if (recoveryPoint > 0) {
        const message = `the directory is missing, and it had offsets up to ${recoveryPoint - 1}; the next start would make it anew, empty`
        yield { severity: 'damage', kind: 'catalogue', path, message }
      } else {
        const message =
          'the directory is missing; nothing was ever on disk for it, and the next start makes it'
        yield { severity: 'note', kind: 'catalogue', path, message }
      }
    }
  }
  for (const { index, name, path, topic } of data.hasCatalogue ? directories : []) {
    if (isReservedTopicName(topic)) continue
    const known = catalog.topics.get(topic)
    if (known !== undefined && index < known.partitions.length) continue
    const message = `the catalogue has no partition ${name}; the next start moves it aside`
    yield { severity: 'damage', kind: 'catalogue', path, message }
  }
  for (const name of disk.list(root).filter(isSetAside)) {
    const message = 'moved aside by a broker; one that ends in -delete is removed by the next start'
    yield { severity: 'note', kind: 'leftover', path: join(root, name), message }
  }
  const ids = idsOf(data, directories)
  if (directoryId !== undefined && ids.size > 0 && !ids.has(directoryId)) {
    const message = `directory.id is ${directoryId}, and the catalogue has what lies here in ${[...ids].join(' or ')}`
    yield { severity: 'damage', kind: 'properties', path: join(root, metaPropertiesName), message }
  }
}

/** Where the catalogue has the partitions that lie here. */
function idsOf(
  { catalog, directoryIdOf }: DataKnowledge,
  directories: readonly PartitionDirectory[],
): Set<string> {
  const ids = new Set<string>()
  for (const { index, topic } of directories) {
    const topicId = catalog.topics.get(topic)?.id
    const id = topicId === undefined ? undefined : directoryIdOf(topicId, index)
    if (id !== undefined) ids.add(id)
  }
  return ids
}

/** Partitions that a checkpoint knows and nobody else: harmless, unless a name is damaged. */
function* checkCheckpointNames(
  data: DataKnowledge,
  directories: readonly PartitionDirectory[],
): Iterable<Finding> {
  const names = new Set(directories.map(({ name }) => name))
  for (const [file, offsets] of [
    [recoveryPointName, data.recoveryPoints],
    [logStartOffsetName, data.logStartOffsets],
    [highWatermarkName, data.highWatermarks],
  ] as const) {
    for (const name of offsets.keys()) {
      if (names.has(name)) continue
      const message = `there is no partition ${name}; if the name is damaged, another partition lacks its entry`
      yield { severity: 'note', kind: 'checkpoint', path: join(data.root, file), message }
    }
  }
}

/** Finds the name of a partition's directory; undefined: its topic was deleted, or is not known. */
function namesOf(
  disk: Disk,
  data: DataKnowledge,
  partitions: readonly CheckedPartition[],
): (topicId: string, index: number) => string | undefined {
  if (data.hasCatalogue) {
    return (topicId, index) => {
      const topic = data.catalog.topicsById.get(topicId)
      return topic && `${topic.name}-${index}`
    }
  }
  // The partitions say themselves whose they are.
  const owners = new Map(
    partitions.map(({ directory }) => [
      `${readTopicId(disk, directory.path)}:${directory.index}`,
      directory.name,
    ]),
  )
  return (topicId, index) => owners.get(`${topicId}:${index}`)
}
