/** The capability of a Go client that its own published tests are: built, run, and held against the client's list. */
import type { Capability, TestContext } from '../capability.ts'
import { holdAgainstList, leftOut, type PublishedTests } from '../published-tests.ts'
import { buildGoTests, type GoTests, runGoTests } from './go-tests.ts'

/** All programs together, and building them. */
const timeLimitMs = 900_000

export interface OwnGoTests extends GoTests {
  published: PublishedTests
  /** What they are told by variables of the environment, once the broker that they are to speak to is there. */
  environment(context: TestContext): Promise<Record<string, string>> | Record<string, string>
  /** How long one program may run; one that ran longer waits for what will not come. */
  programLimitMs: number
  /** How many tests may run at once, where they rely on more than there are processors here. */
  parallel?: number
  ci?: boolean
}

export function ownGoTests({
  published,
  environment,
  programLimitMs,
  parallel,
  ci,
  ...tests
}: OwnGoTests): Capability {
  return {
    name: 'run its own tests',
    area: 'own tests',
    ci,
    timeLimitMs,
    async test(context) {
      const programs = await buildGoTests(tests)
      const run = await runGoTests(context, programs, {
        environment: await environment(context),
        leftOut: leftOut(published, context.broker),
        parallel,
        timeLimitMs: programLimitMs,
      })
      holdAgainstList(context, published, run)
    },
  }
}
