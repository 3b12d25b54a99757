/**
 * A broker with a bug: what `ottla start --override ...` runs, in a process in which the bug that TORTURE_PLANT
 * names was planted first.
 */
import { parseArgs } from 'node:util'
import { runBroker } from '../../src/start-command.ts'
import { plant, plantedBugs } from '../../src/testing/planted-bugs.ts'

const bug = plantedBugs.find(name => name === process.env.TORTURE_PLANT)
if (bug === undefined) throw new Error(`TORTURE_PLANT is none of ${plantedBugs.join(', ')}`)
const { values } = parseArgs({
  allowPositionals: true,
  options: { override: { type: 'string', multiple: true, default: [] } },
})
plant(bug)
await runBroker({ override: values.override, logLevel: 'info' })
