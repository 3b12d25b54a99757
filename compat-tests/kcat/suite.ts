/**
 * kcat, as Debian ships it: librdkafka, the client under most languages but Java, at its command line.
 */
import { allInCi, type Capability } from '../capability.ts'
import { consumeCapabilities } from './consume.ts'
import { groupCapabilities } from './groups.ts'
import { prepareKcat } from './kcat.ts'
import { produceCapabilities } from './produce.ts'

export const prepare = prepareKcat

export const capabilities: Capability[] = allInCi([
  ...produceCapabilities,
  ...consumeCapabilities,
  ...groupCapabilities,
])
