/**
 * @platformatic/kafka, unmodified: of the clients in JavaScript the one that speaks the newest versions of the
 * protocol (topic ids in Fetch, batched coordinators, static members).
 */
import type { Capability } from '../capability.ts'
import { administerCapabilities } from './administer.ts'
import { configCapabilities } from './configs.ts'
import { consumeCapabilities } from './consume.ts'
import { groupCapabilities } from './groups.ts'
import { produceCapabilities } from './produce.ts'
import { restartCapabilities } from './restart.ts'

export const capabilities: Capability[] = [
  ...produceCapabilities,
  ...consumeCapabilities,
  ...groupCapabilities,
  ...administerCapabilities,
  ...configCapabilities,
  ...restartCapabilities,
]
