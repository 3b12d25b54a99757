/**
 * What does not pass of the tests of franz-go's package `pkg/kgo`, and why. Many of them need no broker; they are run
 * with the others.
 */
import type { PublishedTests } from '../published-tests.ts'

const shareGroups = 'Share groups are not served yet, and therefore not advertised.'
const consumerGroups = 'Groups of KIP-848 are not served yet, and therefore not advertised.'
const noSasl =
  'It wants a second listener with SASL, which is told by KGO_TEST_SCRAM_SEEDS or KGO_TEST_OAUTH_SEEDS.'

export const publishedTests: PublishedTests = {
  passAtLeast: { ottla: 500, 'apache-kafka': 510 },
  notPassing: [
    { test: 'TestSCRAMAuth*', outcome: 'skip', reason: noSasl },
    { test: 'TestOAuthAuth', outcome: 'skip', reason: noSasl },
    {
      test: 'TestIssueProduceBrokerTooOldFailsRecords',
      outcome: 'skip',
      reason:
        'It is about brokers that do not take version 2 of Produce any more; both brokers name it, for librdkafka.',
    },
    {
      test: 'TestTxnEtl',
      outcome: 'left out',
      against: 'ottla',
      reason:
        'Transactions are not served yet: InitProducerId with a transactional id is refused, and the test waits for ever for what it did not produce.',
    },
    { test: 'TestShareGroup*', outcome: 'skip', against: 'ottla', reason: shareGroups },
    { test: 'TestConsumeRegexShareSkipsInternal', outcome: 'skip', against: 'ottla', reason: shareGroups },
    { test: 'TestGroupETL/range/848', outcome: 'skip', against: 'ottla', reason: consumerGroups },
    { test: 'TestGroupETL/sticky/848*', outcome: 'skip', against: 'ottla', reason: consumerGroups },
    { test: 'TestGroupSimple/848', outcome: 'skip', against: 'ottla', reason: consumerGroups },
    { test: 'Test848RegexBrokerResolves', outcome: 'skip', against: 'ottla', reason: consumerGroups },
  ],
}
