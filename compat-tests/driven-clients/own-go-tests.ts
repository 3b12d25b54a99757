/** The published tests of a Go client as a capability: built, run, and held against the client's list. */
import type { Capability, TestContext } from '../capability.ts'
import { ownTests } from '../own-tests.ts'
import type { PublishedTests } from '../published-tests.ts'
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
}

export function ownGoTests({
  published,
  environment,
  programLimitMs,
  parallel,
  ...tests
}: OwnGoTests): Capability {
  return ownTests({
    published,
    timeLimitMs,
    async run(context, leftOut) {
      const programs = await buildGoTests(tests)
      return await runGoTests(context, programs, {
        environment: await environment(context),
        leftOut,
        parallel,
        timeLimitMs: programLimitMs,
      })
    },
  })
}
