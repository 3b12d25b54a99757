/**
 * Who uses a log directory now: its `.lock`. Kafka locks an empty file with flock, which Node cannot, so the content is
 * ours: the process's id and, where /proc has it, its start time, so that a number that was given to another process
 * since then is not mistaken for the owner.
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DirectoryConflictError } from './data-directory.ts'

const lockName = '.lock'

/** Directories that this copy of the module has locked. */
const lockedHere = new Set<string>()

/** Takes the directory for this process; gives the function that lets it go. Throws when it is in use. */
export function lockDirectory(directory: string): () => void {
  const path = join(resolve(directory), lockName)
  const inUse = (owner: string) =>
    new DirectoryConflictError(
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
const endedStartTime = 'ended'

/** Field 22 of /proc/<pid>/stat: when the process started; '-' where there is no /proc. */
function processStartTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A process that has ended, and whose parent has not looked yet, holds nothing.
    if (fields[0] === 'Z' || fields[0] === 'X') return endedStartTime
    return fields[19] ?? unknownStartTime
  } catch {
    return unknownStartTime
  }
}
