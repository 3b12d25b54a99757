/** kafka-python: the client in pure Python, in its current generation. */
import { suiteOf } from '../driven-clients/suite-of.ts'
import { pythonDriver } from '../driven-clients/toolchains.ts'
import { kafkaPythonsOwnTests } from './own-tests.ts'

const driven = suiteOf({
  name: 'kafka-python',
  prepare: () => pythonDriver('kafka-python'),
  assignors: ['range', 'roundrobin', 'sticky'],
  cooperative: 'cooperative-sticky',
  // Its members may never begin with their heartbeats; see FINDINGS.md.
  notInCi: ['groups', 'cooperative', 'static members'],
  lacks: {
    'null header values': 'its producer takes bytes only',
    'records of nothing': 'its producer wants a key or a value',
  },
})

export const { prepare } = driven
export const capabilities = [...driven.capabilities, kafkaPythonsOwnTests]
