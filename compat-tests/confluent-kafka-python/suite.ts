/** confluent-kafka-python: librdkafka as Python services have it. */
import { suiteOf } from '../driven-clients/suite-of.ts'
import { pythonDriver } from '../driven-clients/toolchains.ts'

export const { prepare, capabilities } = suiteOf({
  name: 'confluent-kafka-python',
  prepare: () => pythonDriver('confluent-kafka-python'),
  assignors: ['range', 'roundrobin'],
  cooperative: 'cooperative-sticky',
  lacks: {
    'deleting group offsets': 'its administrator has no call for it',
  },
})
