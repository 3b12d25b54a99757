/** Syncs a file that nobody has open. */
import type { Disk } from '../../platform/disk.ts'

export async function syncFile(disk: Disk, path: string): Promise<void> {
  const descriptor = disk.openForWrite(path, false)
  try {
    await disk.sync(descriptor)
  } finally {
    disk.close(descriptor)
  }
}
