/** IBM's sarama: the oldest Go client that is still kept, and the one under many tools. */
import { ownGoTests } from '../driven-clients/own-go-tests.ts'
import { suiteOf } from '../driven-clients/suite-of.ts'
import { goDriver } from '../driven-clients/toolchains.ts'
import { fiveProxies } from './five-proxies.ts'
import { publishedTests } from './published-tests-of-sarama.ts'

const driven = suiteOf({
  name: 'sarama',
  prepare: () => goDriver('sarama'),
  assignors: ['range', 'roundrobin', 'sticky'],
  cooperative: 'cooperative-sticky',
  lacks: {},
})

export const { prepare } = driven
export const capabilities = [
  ...driven.capabilities,
  ownGoTests({
    client: 'sarama',
    module: 'github.com/IBM/sarama',
    packages: ['.'],
    tags: 'functional',
    added: ['published-tests/one_node_test.go'],
    published: publishedTests,
    environment: async context => ({
      TOXIPROXY_ADDR: await fiveProxies(context),
      // The newest that the client knows.
      KAFKA_VERSION: '4.3.1',
    }),
    programLimitMs: 400_000,
  }),
]
