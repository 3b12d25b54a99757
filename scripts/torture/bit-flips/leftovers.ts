/**
 * Leaves in a data directory what work does that a crash interrupts: segments that were on their way out (`.deleted`),
 * a replacement of segments that was prepared (`.swap`) and one that was not (`.cleaned`), a file that was about to
 * replace another (`.tmp`). None of it changes what clients see.
 */
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export function leaveHalfDoneWork(directory: string): void {
  const plain = join(directory, 'plain-0')
  const [first, second] = readdirSync(plain)
    .filter(name => name.endsWith('.log'))
    .sort()
  for (const name of [first!, first!.replace('.log', '.index'), first!.replace('.log', '.timeindex')])
    copyFileSync(join(plain, name), join(plain, `${name}.swap`))
  copyFileSync(join(plain, second!), join(plain, `${second}.cleaned`))
  writeFileSync(join(plain, 'leader-epoch-checkpoint.tmp'), '0\n1\n')
  const trimmed = join(directory, 'trimmed-0')
  const [oldest] = readdirSync(trimmed)
    .filter(name => name.endsWith('.log'))
    .sort()
  copyFileSync(join(trimmed, oldest!), join(trimmed, '00000000000000000000.log.deleted'))
}
