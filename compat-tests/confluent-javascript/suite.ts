/**
 * @confluentinc/kafka-javascript: librdkafka, of a newer release than most have, under Node.js, by the API that it
 * shares with kafkajs.
 */
import type { Capability } from '../capability.ts'
import { administerCapabilities } from './administer.ts'
import { consumeCapabilities } from './consume.ts'
import { groupCapabilities } from './groups.ts'
import { loadKafka } from './package.ts'
import { produceCapabilities } from './produce.ts'
import { restartCapabilities } from './restart.ts'

export async function prepare(): Promise<void> {
  await loadKafka()
}

export const capabilities: Capability[] = [
  ...produceCapabilities,
  ...consumeCapabilities,
  ...groupCapabilities,
  ...administerCapabilities,
  ...restartCapabilities,
]
