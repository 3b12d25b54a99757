/** franz-go: the Go client that speaks the newest versions and is cooperative unless told otherwise. */
import { suiteOf } from '../driven-clients/suite-of.ts'
import { goDriver } from '../driven-clients/toolchains.ts'

export const { prepare, capabilities } = suiteOf({
  name: 'franz-go',
  prepare: () => goDriver('franz-go'),
  assignors: ['range', 'roundrobin', 'sticky'],
  cooperative: 'cooperative-sticky',
  lacks: {},
})
