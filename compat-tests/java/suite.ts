/**
 * Kafka's own client, in Java, at the ages of `ages.ts`: what its users do with a producer, a consumer, a group and
 * an admin client, once for each age.
 */
import { type Capability, Skipped } from '../capability.ts'
import { administerCapabilities } from './administer.ts'
import { ages, driverProgram } from './ages.ts'
import { consumeCapabilities } from './consume.ts'
import { groupCapabilities } from './groups.ts'
import { produceCapabilities } from './produce.ts'
import { restartCapabilities } from './restart.ts'

/** Fetching and compiling takes longer than a test may; an age that cannot be had says so in each of its tests. */
export async function prepare(): Promise<void> {
  for (const age of ages) {
    await driverProgram(age).catch(error => {
      if (!(error instanceof Skipped)) throw error
    })
  }
}

export const capabilities: Capability[] = ages.flatMap(age => [
  ...produceCapabilities(age),
  ...consumeCapabilities(age),
  ...groupCapabilities(age),
  ...administerCapabilities(age),
  ...restartCapabilities(age),
])
