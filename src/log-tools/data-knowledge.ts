/**
 * What the root of a data directory says of everything in it: whose it is, how it was stopped, the checkpoints, and
 * the topics of the catalogue. Read without changing anything, and without believing anything: what cannot be read
 * becomes a finding.
 */
import { join } from 'node:path'
import { recordsOf } from '../../protocol-codecs/read-records.ts'
import { batchIsControl } from '../../protocol-codecs/record-batch.ts'
import type { Disk } from '../platform/disk.ts'
import { brokerSettings } from '../settings/broker-settings.ts'
import { effectiveTopicConfig, type TopicConfig } from '../settings/topic-config.ts'
import { clusterMetadataTopic, journalTopic } from '../storage/internal-topic-names.ts'
import { LogFile } from '../storage/local/batch-walk.ts'
import { CatalogState } from '../storage/local/catalog-state.ts'
import { readCheckpoint } from '../storage/local/checkpoint-file.ts'
import {
  cleanShutdownName,
  highWatermarkName,
  logStartOffsetName,
  metaPropertiesName,
  recoveryPointName,
} from '../storage/local/data-directory.ts'
import { parseSegmentFileName } from '../storage/local/log-files.ts'
import { decodeMetadata } from '../storage/local/metadata-frame.ts'
import { type CatalogSnapshot, emptySnapshot } from '../storage/topic-catalog.ts'
import { filesIn, type PartitionDirectory } from './data-files.ts'
import type { Finding } from './findings.ts'
import type { PartitionKnowledge } from './partition-knowledge.ts'

type Offsets = ReadonlyMap<string, number>

export interface DataKnowledge {
  readonly root: string
  readonly wasStoppedCleanly: boolean
  readonly hasJournal: boolean
  readonly catalog: CatalogSnapshot
  /** One of several log directories may have none; then nothing is known here of topics. */
  readonly hasCatalogue: boolean
  /** Of topics that the catalogue says were deleted. */
  readonly deletedIds: ReadonlySet<string>
  /** The log directory's own id. */
  readonly directoryId: string | undefined
  /** The id of the log directory that a partition lives in; undefined: the catalogue does not say. */
  directoryIdOf(topicId: string, index: number): string | undefined
  /** By name of the partition's directory. */
  readonly recoveryPoints: Offsets
  readonly logStartOffsets: Offsets
  readonly highWatermarks: Offsets
  readonly findings: readonly Finding[]
}

export async function readDataKnowledge(disk: Disk, root: string): Promise<DataKnowledge> {
  const findings: Finding[] = []
  const names = new Set(disk.list(root))
  const checkpoint = (name: string) => readOffsets(disk, join(root, name), findings)
  const directoryId = checkProperties(disk, root, findings)
  const recoveryPoints = checkpoint(recoveryPointName)
  const catalogueName = `${clusterMetadataTopic}-0`
  const catalogue = await readCatalogue(disk, join(root, catalogueName), findings)
  if (!catalogue.hasCatalogue) findings.push(missingCatalogue(root, recoveryPoints.has(catalogueName)))
  return {
    root,
    wasStoppedCleanly: names.has(cleanShutdownName),
    hasJournal: names.has(`${journalTopic}-0`),
    ...catalogue,
    directoryId,
    recoveryPoints,
    logStartOffsets: checkpoint(logStartOffsetName),
    highWatermarks: checkpoint(highWatermarkName),
    findings,
  }
}

/** What is known of one partition; of its data directory nothing may be known. */
export function knowledgeOf(
  data: DataKnowledge | undefined,
  directory: PartitionDirectory,
): PartitionKnowledge {
  const { name } = directory
  const topic = data?.catalog.topics.get(directory.topic)
  const isLogOfOurs = directory.topic === clusterMetadataTopic || directory.topic === journalTopic
  return {
    topicId: topic?.id,
    leaderEpoch: topic?.partitions[directory.index]?.leaderEpoch,
    // Of what is not in the catalogue nothing tells whether it was compacted; the broker's own logs are not.
    isCompacted: topic?.config.cleanupPolicy.compact ?? !isLogOfOurs,
    recoveryPoint: data?.recoveryPoints.get(name) ?? 0,
    logStartOffset: data?.logStartOffsets.get(name) ?? 0,
    highWatermark: data?.highWatermarks.get(name),
    wasStoppedCleanly: data?.wasStoppedCleanly,
    hasJournal: data?.hasJournal ?? false,
  }
}

/** The settings of a broker whose configuration nobody gave us. */
export function configOf(data: DataKnowledge | undefined, directory: PartitionDirectory): TopicConfig {
  return data?.catalog.topics.get(directory.topic)?.config ?? effectiveTopicConfig(brokerSettings({}))
}

function readOffsets(disk: Disk, path: string, findings: Finding[]): Offsets {
  const offsets = new Map<string, number>()
  if (disk.readFile(path) === undefined) return offsets
  const report = (message: string) =>
    findings.push({ severity: 'damage', kind: 'checkpoint', path, message, remedy: { type: 'set aside' } })
  const lines = readCheckpoint(disk, path)
  if (lines === undefined) {
    report(
      'the file is no checkpoint (version 0, the number of entries, the entries); the next start does without it',
    )
    return offsets
  }
  for (const line of lines) {
    const [topic, index, offset] = line
    const isEntry = line.length === 3 && isCount(index) && isCount(offset)
    if (isEntry) offsets.set(`${topic}-${index}`, Number(offset))
    else report(`'${line.join(' ')}' is no entry of topic, partition and offset`)
  }
  return offsets
}

const isCount = (text: string | undefined) => text !== undefined && /^\d{1,16}$/.test(text)

/** Gives the directory's id. */
function checkProperties(disk: Disk, root: string, findings: Finding[]): string | undefined {
  const path = join(root, metaPropertiesName)
  const text = disk.readFile(path)?.toString('utf8')
  const report = (message: string) => findings.push({ severity: 'damage', kind: 'properties', path, message })
  if (text === undefined) {
    report(
      'the file is missing; a start refuses the directory, or takes it for a new one if there are no partitions in it',
    )
    return undefined
  }
  const properties = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s*([^#=\s]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (name !== undefined) properties.set(name, value!)
  }
  const nodeId = properties.get('node.id') ?? properties.get('broker.id')
  if (!isCount(nodeId)) report('the file has no node.id; a start refuses the directory')
  for (const name of ['cluster.id', 'directory.id']) {
    const value = properties.get(name)
    if (name === 'cluster.id' && value === undefined)
      report('the file has no cluster.id; a start refuses the directory')
    else if (value !== undefined && !/^[\w-]{22}$/.test(value)) report(`${name} is no id: '${value}'`)
  }
  return properties.get('directory.id')
}

function missingCatalogue(path: string, wasHere: boolean): Finding {
  return wasHere
    ? {
        severity: 'damage',
        kind: 'catalogue',
        path,
        message:
          'the catalogue is missing, and was here: a start would know of no topic, and move their directories aside',
      }
    : {
        severity: 'note',
        kind: 'catalogue',
        path,
        message:
          'no catalogue is here, as in all but one of several log.dirs, so whose the partitions are is not known',
      }
}

async function readCatalogue(
  disk: Disk,
  directory: string,
  findings: Finding[],
): Promise<Pick<DataKnowledge, 'catalog' | 'hasCatalogue' | 'deletedIds' | 'directoryIdOf'>> {
  const settings = brokerSettings({})
  const state = new CatalogState(() => overrides => effectiveTopicConfig(settings, overrides))
  const hasCatalogue = disk.isDirectory(directory)
  if (hasCatalogue) {
    for (const path of filesIn(disk, directory)) {
      if (parseSegmentFileName(path.slice(directory.length + 1))?.kind !== 'log') continue
      await replay(disk, path, state, findings)
    }
  }
  const deletedIds = state.removedIds()
  return {
    catalog: state.publish(emptySnapshot)?.snapshot ?? emptySnapshot,
    hasCatalogue,
    deletedIds,
    directoryIdOf: (topicId, index) => state.topicsById.get(topicId)?.directoryIds[index],
  }
}

/** Damaged batches are passed over: checking the catalogue's own partition tells of them. */
async function replay(disk: Disk, path: string, state: CatalogState, findings: Finding[]): Promise<void> {
  const file = new LogFile(disk, path)
  try {
    for await (const stretch of file.walk()) {
      for (const walked of stretch) {
        // Control records, such as who leads a quorum, are not of the catalogue.
        if (walked.kind !== 'whole' || batchIsControl(walked.buffer, walked.at)) continue
        try {
          for (const { value } of recordsOf(walked.buffer, walked.at)) {
            const record = value === null ? undefined : decodeMetadata(value)
            if (record !== undefined) state.replay(record)
          }
        } catch (error) {
          const message = `a change of the catalogue cannot be read: ${(error as Error).message}`
          findings.push({ severity: 'damage', kind: 'catalogue', path, position: walked.position, message })
        }
      }
    }
  } finally {
    file.close()
  }
}
