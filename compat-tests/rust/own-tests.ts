/**
 * The integration tests of krafka's crate. They start a broker in Docker with the crate `testcontainers`; what stands in
 * its place here, `own-tests/testcontainers`, gives them the broker under test.
 */
import type { Capability } from '../capability.ts'
import { buildRustTests, type RustTests, runRustTests } from '../driven-clients/rust-tests.ts'
import { holdAgainstList, leftOut } from '../published-tests.ts'
import { buildTarget, folder } from './driver.ts'
import { publishedTests } from './published-tests-of-krafka.ts'

const tests: RustTests = {
  crate: 'krafka',
  package: 'ottla-compat-rust-own-tests',
  folder,
  target: buildTarget,
}
const limitMs = 900_000

export const ownTests: Capability = {
  name: 'run its own tests',
  area: 'own tests',
  ci: false,
  // Building them included.
  timeLimitMs: 2 * limitMs,
  async test(context) {
    const program = await buildRustTests(tests)
    const run = await runRustTests(context, tests, program, {
      // Each is marked as ignored, for those who have no Docker.
      arguments: ['--ignored', '--test-threads', '2'],
      environment: {
        OTTLA_COMPAT_PORT: context.bootstrap.slice(context.bootstrap.lastIndexOf(':') + 1),
      },
      leftOut: leftOut(publishedTests, context.broker),
      timeLimitMs: limitMs,
    })
    holdAgainstList(context, publishedTests, run)
  },
}
