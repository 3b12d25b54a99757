/** How a test of these becomes a capability of one age of the client. */
import type { Area } from '../area.ts'
import type { Capability, TestContext } from '../capability.ts'
import type { Age } from './ages.ts'

export type AgeTest = [area: Area, name: string, test: (context: TestContext, age: Age) => Promise<void>]

/** Mostly waiting for sessions to end and for a JVM to become fast; on a quiet machine a tenth of it is enough. */
const timeLimitMs = 120_000

export function capabilitiesOfAge(age: Age, tests: AgeTest[]): Capability[] {
  return tests.map(([area, name, test]) => ({
    name: `${age.version}: ${name}`,
    area,
    timeLimitMs,
    test: context => test(context, age),
  }))
}
