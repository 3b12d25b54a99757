/** stub */
import type { Disk } from '../platform/disk.ts'
import type { DataTarget } from './data-files.ts'
export async function repair(_disk: Disk, _target: DataTarget, _flags: object): Promise<void> {}
