/** segmentio's kafka-go: readers and writers in the manner of Go's standard library, speaking old versions. */
import { brokerAtPort } from '../broker-at-port.ts'
import { ownGoTests } from '../driven-clients/own-go-tests.ts'
import { suiteOf } from '../driven-clients/suite-of.ts'
import { goDriver } from '../driven-clients/toolchains.ts'
import { publishedTests } from './published-tests-of-kafka-go.ts'

const driven = suiteOf({
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

export const { prepare } = driven
export const capabilities = [
  ...driven.capabilities,
  ownGoTests({
    client: 'kafka-go',
    module: 'github.com/segmentio/kafka-go',
    packages: ['.', 'compress', 'topics'],
    published: publishedTests,
    async environment(context) {
      // Its tests know this address only, and some look whether a broker says it of itself.
      await brokerAtPort(context, 9092, { 'advertised.listeners': 'PLAINTEXT://localhost:9092' })
      // The newest version that its own CI has; the net tests are switched off there, too.
      return { KAFKA_VERSION: '3.7.0', KAFKA_SKIP_NETTEST: '1' }
    },
    // Their tests say of themselves that some rely on all of them running at once.
    parallel: 20,
    programLimitMs: 400_000,
  }),
]
