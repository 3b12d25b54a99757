/** franz-go: the Go client that speaks the newest versions and is cooperative unless told otherwise. */
import { ownGoTests } from '../driven-clients/own-go-tests.ts'
import { suiteOf } from '../driven-clients/suite-of.ts'
import { goDriver } from '../driven-clients/toolchains.ts'
import { publishedTests } from './published-tests-of-franz-go.ts'

const driven = suiteOf({
  name: 'franz-go',
  prepare: () => goDriver('franz-go'),
  assignors: ['range', 'roundrobin', 'sticky'],
  cooperative: 'cooperative-sticky',
  lacks: {},
})

export const { prepare } = driven
export const capabilities = [
  ...driven.capabilities,
  ownGoTests({
    client: 'franz-go',
    module: 'github.com/twmb/franz-go',
    packages: ['pkg/kgo'],
    published: publishedTests,
    environment: ({ bootstrap }) => ({
      KGO_SEEDS: bootstrap,
      KGO_TEST_RF: '1',
      KGO_TEST_RECORDS: '5000',
      KGO_TEST_MAX_TOPIC_PARTS: '7',
    }),
    programLimitMs: 600_000,
  }),
]
