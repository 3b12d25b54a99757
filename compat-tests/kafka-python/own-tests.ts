/** The integration tests of kafka-python's source distribution, against a broker that runs already (KAFKA_URI). */
import { requireStart } from '../capability.ts'
import { pythonTestsOf, runPythonTests } from '../driven-clients/python-tests.ts'
import { ownTests } from '../own-tests.ts'
import { publishedTests } from './published-tests-of-kafka-python.ts'

/** As in the broker that they start themselves where they may, as far as a test hangs on it. */
const settings = {
  'node.id': '0',
  'num.partitions': '4',
  'group.min.session.timeout.ms': '1000',
}

export const kafkaPythonsOwnTests = ownTests({
  published: publishedTests,
  timeLimitMs: 600_000,
  async run(context, leftOut) {
    const tests = await pythonTestsOf('kafka-python')
    const { bootstrap } = await requireStart(context)(settings)
    return await runPythonTests(context, tests, {
      tests: 'test/integration',
      environment: {
        KAFKA_URI: `kafka://${bootstrap}`,
        // Asked for, and looked for in a folder only by tests that start brokers.
        KAFKA_VERSION: '4.4.0',
        KAFKA_ROOT: '.',
      },
      leftOut,
      testLimitMs: 60_000,
    })
  },
})
