/** segmentio's kafka-go: readers and writers in the manner of Go's standard library, speaking old versions. */
import { suiteOf } from '../driven-clients/suite-of.ts'
import { goDriver } from '../driven-clients/toolchains.ts'

export const { prepare, capabilities } = suiteOf({
  name: 'kafka-go',
  prepare: () => goDriver('kafka-go'),
  assignors: ['range', 'roundrobin'],
  lacks: {
    'empty told from null': 'its readers give nil for both',
    'append time': 'its readers give the time of creation, whatever the batch says',
    idempotence: 'it has no idempotent producer',
    'instance ids in descriptions': 'its members have no instance id',
    'static members': 'its members have no instance id',
    'cooperative assignor': 'it has eager assignors only',
    pausing: 'it has no pause: one stops reading',
    'deleting records': 'it does not speak DeleteRecords',
  },
})
