/**
 * The integration tests of krafka's crate. They start a broker in Docker with the crate `testcontainers`; what stands in
 * its place here, `own-tests/testcontainers`, gives them the broker under test.
 */
import { buildRustTests, type RustTests, runRustTests } from '../driven-clients/rust-tests.ts'
import { ownTests } from '../own-tests.ts'
import { buildTarget, folder } from './driver.ts'
import { publishedTests } from './published-tests-of-krafka.ts'

const tests: RustTests = {
  crate: 'krafka',
  package: 'ottla-compat-rust-own-tests',
  folder,
  target: buildTarget,
}
const limitMs = 900_000

export const krafkasOwnTests = ownTests({
  published: publishedTests,
  // Building them included.
  timeLimitMs: 2 * limitMs,
  async run(context, leftOut) {
    const program = await buildRustTests(tests)
    return await runRustTests(context, tests, program, {
      // Each is marked as ignored, for those who have no Docker.
      arguments: ['--ignored', '--test-threads', '2'],
      environment: {
        OTTLA_COMPAT_PORT: context.bootstrap.slice(context.bootstrap.lastIndexOf(':') + 1),
      },
      leftOut,
      timeLimitMs: limitMs,
    })
  },
})
