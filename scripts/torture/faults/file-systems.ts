/**
 * Small file systems in memory, to be filled: mounting one needs root, which not everybody has who runs this.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const mounted = new Set<string>()
let isExitHooked = false

/** Mounts one; gives why not when that is refused. */
export function mountFileSystem(path: string, sizeMb: number): string | undefined {
  mkdirSync(path, { recursive: true })
  const { status, stderr, error } = spawnSync(
    'mount',
    ['-t', 'tmpfs', '-o', `size=${sizeMb}m`, 'tmpfs', path],
    { encoding: 'utf8' },
  )
  if (status !== 0) return error?.message ?? stderr.trim()
  mounted.add(path)
  if (!isExitHooked) process.once('exit', () => [...mounted].forEach(unmount))
  isExitHooked = true
  return undefined
}

export function remount(path: string, how: 'ro' | 'rw'): void {
  const { status, stderr } = spawnSync('mount', ['-o', `remount,${how}`, path], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

export function unmount(path: string): void {
  // Lazily: whoever still has a file open there is about to end.
  if (mounted.delete(path)) spawnSync('umount', ['-l', path])
}

/** Takes all room but this much; gives the function that frees it again. */
export function fillExcept(path: string, leftMb: number): () => void {
  const { bavail, bsize } = statfsSync(path)
  const ballast = join(path, 'ballast')
  writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leftMb * 2 ** 20)))
  return () => rmSync(ballast)
}
