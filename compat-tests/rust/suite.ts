/**
 * krafka: a Kafka client in Rust alone, which speaks the newest versions of nearly every API (FINDINGS.md says why it was
 * chosen).
 */
import type { Capability } from '../capability.ts'
import { administerCapabilities } from './administer.ts'
import { consumeCapabilities } from './consume.ts'
import { buildDriver } from './driver.ts'
import { groupCapabilities } from './groups.ts'
import { krafkasOwnTests } from './own-tests.ts'
import { produceCapabilities } from './produce.ts'
import { restartCapabilities } from './restart.ts'

export const prepare = buildDriver

export const capabilities: Capability[] = [
  ...produceCapabilities,
  ...consumeCapabilities,
  ...groupCapabilities,
  ...administerCapabilities,
  ...restartCapabilities,
  krafkasOwnTests,
]
