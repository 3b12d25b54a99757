/** IBM's sarama: the oldest Go client that is still kept, and the one under many tools. */
import { suiteOf } from '../driven-clients/suite-of.ts'
import { goDriver } from '../driven-clients/toolchains.ts'

export const { prepare, capabilities } = suiteOf({
  name: 'sarama',
  prepare: () => goDriver('sarama'),
  assignors: ['range', 'roundrobin', 'sticky'],
  cooperative: 'cooperative-sticky',
  lacks: {},
})
