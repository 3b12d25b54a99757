/** The capability of a client that its own published tests are: run, and held against the client's list. */
import type { Capability, TestContext } from './capability.ts'
import {
  holdAgainstList,
  leftOut,
  type NotPassing,
  type PublishedTests,
  type TestRun,
} from './published-tests.ts'

export interface OwnTests {
  published: PublishedTests
  /** Of everything, building them included. */
  timeLimitMs: number
  run(context: TestContext, leftOut: readonly NotPassing[]): Promise<TestRun>
}

/** Continuous integration has no time for them. */
export function ownTests({ published, timeLimitMs, run }: OwnTests): Capability {
  return {
    name: 'run its own tests',
    area: 'own tests',
    ci: false,
    timeLimitMs,
    async test(context) {
      holdAgainstList(context, published, await run(context, leftOut(published, context.broker)))
    },
  }
}
