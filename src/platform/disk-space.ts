/** The room on the file system that holds a path: asked of the operating system, in the thread pool. */
import { statfs } from 'node:fs/promises'

export interface DiskSpace {
  readonly totalBytes: number
  /** What this process may still use; the system may keep some of what is free to itself. */
  readonly usableBytes: number
}

export async function diskSpaceOf(path: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(path)
  return { totalBytes: blocks * bsize, usableBytes: bavail * bsize }
}
