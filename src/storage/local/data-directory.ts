/**
 * The root of a data directory: who it belongs to (`meta.properties`), who uses it now (`.lock`),
 * whether it was left in order (`.kafka_cleanshutdown`), and the checkpoints over all partitions.
 * Names and forms are Kafka's; the lock's content is ours (Kafka locks an empty file with flock, which
 * Node cannot): the process's id and, where /proc has it, its start time, so that a number that was
 * given to another process since then is not mistaken for the owner.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import { clusterMetadataTopic } from '../internal-topic-names.ts'

export const metaPropertiesName = 'meta.properties'
export const cleanShutdownName = '.kafka_cleanshutdown'
export const recoveryPointName = 'recovery-point-offset-checkpoint'
export const logStartOffsetName = 'log-start-offset-checkpoint'
export const highWatermarkName = 'replication-offset-checkpoint'
const lockName = '.lock'

/** The directory cannot be used; the message says why and what to do. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError'
}

export interface DirectoryIdentity {
  readonly clusterId: string
  readonly nodeId: number
  readonly directoryId: string
}

/** A uuid as Kafka makes them: 22 characters of base64url, not starting with a dash. */
export function randomUuid(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-') && !id.startsWith('AAAAAAAAAAAAAAAAAAA')) return id
  }
}

/** What may be wrong with directories above ours, which are none of our making. */
const notOurs: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EINVAL', 'ENOTSUP'])

/**
 * Makes the directory, unless it is there. Until `meta.properties` is, nobody was promised that it is found again; so
 * first all names above it are synced, whether this start has made them or one that was cut short.
 */
export async function makeDataDirectory(disk: Disk, directory: string): Promise<void> {
  if (disk.readFile(join(directory, metaPropertiesName)) !== undefined) return
  disk.makeDirectory(directory)
  for (let path = resolve(directory); dirname(path) !== path; path = dirname(path)) {
    try {
      await disk.syncDirectory(dirname(path))
    } catch (error) {
      if (!notOurs.has(String((error as NodeJS.ErrnoException).code))) throw error
    }
  }
}

/** Reads `meta.properties`, or writes it in a new directory. Throws when it belongs to another node. */
export function identify(
  disk: Disk,
  directory: string,
  wanted: { clusterId: string | undefined; nodeId: number; logger?: Logger },
): DirectoryIdentity {
  const path = join(directory, metaPropertiesName)
  const content = disk.readFile(path)?.toString('utf8')
  if (content === undefined) {
    if (disk.isDirectory(join(directory, `${clusterMetadataTopic}-0`))) {
      throw new DataDirectoryError(
        `${directory} has data but no ${metaPropertiesName}, which says whose it is`,
      )
    }
    const identity = {
      clusterId: wanted.clusterId ?? randomUuid(),
      nodeId: wanted.nodeId,
      directoryId: randomUuid(),
    }
    writeMetaProperties(disk, path, identity)
    return identity
  }
  const properties = new Map<string, string>()
  for (const line of content.split('\n')) {
    const at = line.indexOf('=')
    if (at > 0 && !line.startsWith('#')) properties.set(line.slice(0, at).trim(), line.slice(at + 1).trim())
  }
  const clusterId = properties.get('cluster.id') || undefined
  if (!content.endsWith('\n')) {
    wanted.logger?.warn({ path }, 'this file does not end with a line: it may have been cut off')
  }
  const nodeId = Number(properties.get('node.id') ?? properties.get('broker.id'))
  if (clusterId === undefined || !Number.isInteger(nodeId)) {
    throw new DataDirectoryError(`${path} has no cluster.id or node.id; it is damaged or not a broker's`)
  }
  if (nodeId !== wanted.nodeId) {
    throw new DataDirectoryError(
      `${directory} belongs to node.id ${nodeId}, but this broker's node.id is ${wanted.nodeId}`,
    )
  }
  if (wanted.clusterId !== undefined && clusterId !== wanted.clusterId) {
    throw new DataDirectoryError(
      `${directory} belongs to cluster ${clusterId}, but this broker was given cluster ${wanted.clusterId}`,
    )
  }
  const directoryId = properties.get('directory.id')
  if (directoryId !== undefined) return { clusterId, nodeId, directoryId }
  // Older brokers gave their directories no id.
  const identity = { clusterId, nodeId, directoryId: randomUuid() }
  writeMetaProperties(disk, path, identity)
  return identity
}

function writeMetaProperties(disk: Disk, path: string, identity: DirectoryIdentity): void {
  const lines = [
    '#',
    'version=1',
    `node.id=${identity.nodeId}`,
    `directory.id=${identity.directoryId}`,
    `cluster.id=${identity.clusterId}`,
    '',
  ]
  disk.replaceFile(path, lines.join('\n'), true)
}

/** Directories that this copy of the module has locked. */
const lockedHere = new Set<string>()

/** Takes the directory for this process; gives the function that lets it go. Throws when it is in use. */
export function lockDirectory(directory: string): () => void {
  const path = join(resolve(directory), lockName)
  const inUse = (owner: string) =>
    new DataDirectoryError(
      `${directory} is in use by ${owner}; stop it first, or give this broker a log.dirs of its own`,
    )
  if (lockedHere.has(path)) throw inUse('another broker in this process')
  for (let attempt = 0; ; attempt++) {
    try {
      const descriptor = openSync(path, 'wx', 0o644)
      writeSync(descriptor, `${process.pid} ${processStartTime(process.pid)}\n`)
      closeSync(descriptor)
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const content = readLock(path)
      const owner = content.trim().split(' ')[0]
      if (attempt > 1 || isHeld(content)) throw inUse(`process ${owner}`)
      removeStaleLock(path, content)
    }
  }
  lockedHere.add(path)
  return () => {
    lockedHere.delete(path)
    rmSync(path, { force: true })
  }
}

/** Who has a directory locked, in words; undefined: nobody. */
export function ownerOfDirectory(directory: string): string | undefined {
  const path = join(resolve(directory), lockName)
  if (lockedHere.has(path)) return 'another broker in this process'
  const content = readLock(path)
  return isHeld(content) ? `process ${content.trim().split(' ')[0]}` : undefined
}

function readLock(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/**
 * Whether the process that wrote a lock is still there. Our own number with our own start time is another
 * thread of this process, or another copy of this module; without start times it is a number used again.
 */
function isHeld(content: string): boolean {
  const [pid, startTime] = content.trim().split(' ')
  if (!pid || !isRunning(Number(pid)) || processStartTime(Number(pid)) !== startTime) return false
  return Number(pid) !== process.pid || startTime !== unknownStartTime
}

/** Takes a stale lock away, unless another process has just done that and put its own there. */
function removeStaleLock(path: string, content: string): void {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (readLock(aside) === content) rmSync(aside, { force: true })
  else renameSync(aside, path)
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const unknownStartTime = '-'

/** Field 22 of /proc/<pid>/stat: when the process started; '-' where there is no /proc. */
function processStartTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? unknownStartTime
  } catch {
    return unknownStartTime
  }
}
