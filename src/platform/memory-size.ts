/** How much memory this process may use: the machine's, or what its container is limited to. */
import { totalmem } from 'node:os'

export function usableMemoryBytes(): number {
  // Where there is no limit, Node says undefined, 0 or a number beyond all memory, as its version has it.
  const limit = process.constrainedMemory?.() ?? 0
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
