/**
 * @platformatic/kafka, unmodified: of the clients in JavaScript the one that speaks the newest versions of the
 * protocol (topic ids in Fetch, batched coordinators, static members).
 */
import { type Capability, Skipped } from '../capability.ts'
import { administerCapabilities } from './administer.ts'
import { configCapabilities } from './configs.ts'
import { consumeCapabilities } from './consume.ts'
import { groupCapabilities } from './groups.ts'
import { hasZstd, newerNode } from './newer-node.ts'
import { produceCapabilities } from './produce.ts'
import { restartCapabilities } from './restart.ts'

/** To install a Node may take longer than a test may; without it everything but zstd is still worth a try. */
export async function prepare(): Promise<void> {
  if (hasZstd) return
  await newerNode().catch(error => {
    if (!(error instanceof Skipped)) throw error
  })
}

export const capabilities: Capability[] = [
  ...produceCapabilities,
  ...consumeCapabilities,
  ...groupCapabilities,
  ...administerCapabilities,
  ...configCapabilities,
  ...restartCapabilities,
]
