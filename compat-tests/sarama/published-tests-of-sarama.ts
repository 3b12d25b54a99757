/** What does not pass of sarama's functional tests, and why. */
import type { PublishedTests } from '../published-tests.ts'

const noTransactions = 'Transactions are not served yet: InitProducerId with a transactional id is refused.'
const fiveBrokers = 'It wants several brokers, and there is one.'
const docker =
  'It starts, stops or reads the log of brokers that run in containers of its own, by docker compose.'

export const publishedTests: PublishedTests = {
  passAtLeast: { ottla: 85, 'apache-kafka': 100 },
  notPassing: [
    { test: 'TestFuncAdminDescribeLogDirs', outcome: 'fail', reason: fiveBrokers },
    { test: 'TestFuncAdminAlterPartitionReassignments', outcome: 'fail', reason: fiveBrokers },
    { test: 'TestConsumerFetchFollowerFailover', outcome: 'fail', reason: fiveBrokers },
    { test: 'TestFuncAdminListConsumerGroupOffsets', outcome: 'left out', reason: docker },
    { test: 'TestFuncIdempotentBufferedSequence', outcome: 'left out', reason: docker },
    { test: 'TestFuncJavaInteropCooperativeRebalance', outcome: 'skip', reason: docker },
    { test: 'TestJava*', outcome: 'skip', reason: docker },
    {
      test: 'TestReadOnlyAndAllCommittedMessages',
      outcome: 'skip',
      reason: 'Its authors skip it, because it fails now and then for a reason that they do not know.',
    },
    {
      test: 'TestFuncTxnProduceWithBrokerFailure',
      outcome: 'left out',
      against: 'apache-kafka',
      reason: docker,
    },
    {
      test: 'TestFuncTxn*',
      outcome: 'left out',
      against: 'ottla',
      reason: `${noTransactions} Each of them asks again for twenty seconds and more.`,
    },
    { test: 'TestFuncInitProducerId3', outcome: 'fail', against: 'ottla', reason: noTransactions },
    {
      test: 'TestFuncDescribeTransactions',
      outcome: 'fail',
      against: 'ottla',
      reason: noTransactions,
    },
    { test: 'TestFuncListTransactions', outcome: 'fail', against: 'ottla', reason: noTransactions },
    {
      test: 'TestFuncAdminQuotas',
      outcome: 'fail',
      against: 'ottla',
      reason: 'Quotas are not served yet: DescribeClientQuotas is not advertised.',
    },
    {
      test: 'TestFuncAdminIncrementalAlterConfigs',
      outcome: 'fail',
      against: 'ottla',
      reason:
        'It changes log.cleaner.backoff.ms, which Ottla does not have, for it does not compact yet; settings without an effect are not offered.',
    },
  ],
}
