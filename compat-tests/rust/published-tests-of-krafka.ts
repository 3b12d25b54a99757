/** What does not pass of krafka's integration tests, and why. */
import type { PublishedTests } from '../published-tests.ts'

const transactions =
  'Transactions are not served yet: FindCoordinator refuses to name a transaction coordinator.'

export const publishedTests: PublishedTests = {
  passAtLeast: { ottla: 48, 'apache-kafka': 54 },
  notPassing: [
    {
      test: 'integration_tests::test_transactional_producer_*',
      outcome: 'fail',
      against: 'ottla',
      reason: transactions,
    },
    {
      test: 'integration_tests::test_transactional_send_offsets',
      outcome: 'fail',
      against: 'ottla',
      reason: transactions,
    },
  ],
}
