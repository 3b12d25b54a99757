/**
 * kafkajs, unmodified: everything that its users do with a producer, a consumer, a group and the admin client.
 */
import { allInCi, type Capability, Skipped } from '../capability.ts'
import { clientPackages } from '../client-packages.ts'
import { administerCapabilities } from './administer.ts'
import { configCapabilities } from './configs.ts'
import { consumeCapabilities } from './consume.ts'
import { groupCapabilities } from './groups.ts'
import { produceCapabilities } from './produce.ts'
import { restartCapabilities } from './restart.ts'

/** Compiling a codec takes longer than a test may; without the codecs everything else is still worth a try. */
export async function prepare(): Promise<void> {
  await clientPackages('kafkajs').catch(error => {
    if (!(error instanceof Skipped)) throw error
  })
}

export const capabilities: Capability[] = allInCi([
  ...produceCapabilities,
  ...consumeCapabilities,
  ...groupCapabilities,
  ...administerCapabilities,
  ...configCapabilities,
  ...restartCapabilities,
])
