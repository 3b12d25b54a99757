/** aiokafka: the client of Python's asyncio, speaking versions of some years ago. */
import { suiteOf } from '../driven-clients/suite-of.ts'
import { pythonDriver } from '../driven-clients/toolchains.ts'

export const { prepare, capabilities } = suiteOf({
  name: 'aiokafka',
  prepare: () => pythonDriver('aiokafka'),
  assignors: ['range', 'roundrobin', 'sticky'],
  // A batch that had been fetched is still handed over while the member joins again.
  restMs: 300,
  lacks: {
    'records of nothing': 'its producer wants a key or a value',
    'fencing of twins':
      'it has no name for FENCED_INSTANCE_ID and commits without an instance id, so that twins take turns',
    'cooperative assignor': 'it has eager assignors only',
    'altering group offsets': 'its administrator has no call for it',
    'deleting group offsets': 'its administrator has no call for it',
    'deleting groups': 'its administrator has no call for it',
    'instance ids in descriptions': 'it describes groups in a version that has none',
  },
})
