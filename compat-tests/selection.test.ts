import t from 'tap'
import type { Area } from './area.ts'
import type { Capability } from './capability.ts'
import { clients, suiteOf } from './clients.ts'
import { capabilitiesOf } from './selection.ts'

const test = async () => undefined

/** What there is of these is compiled for minutes, and runs for minutes. */
const tooLongForCi: readonly string[] = ['librdkafka', 'rdkafka']

t.test('continuous integration tries something of every client', async t => {
  for (const client of await clients()) {
    const tried = capabilitiesOf('ci', (await suiteOf(client)).capabilities).length
    t.equal(tried === 0, tooLongForCi.includes(client), client)
  }
})

t.test('it tries the first capability of an area, and capabilities say when that is wrong', async t => {
  const capability = (name: string, area?: Area, ci?: boolean): Capability => ({ name, area, ci, test })
  const capabilities = [
    capability('takes too long', 'groups', false),
    capability('first', 'groups'),
    capability('second', 'groups'),
    capability('as important', 'groups', true),
    capability('has no area'),
    capability('has none either'),
  ]
  const names = (part: 'all' | 'ci') => capabilitiesOf(part, capabilities).map(({ name }) => name)
  t.same(names('ci'), ['first', 'as important', 'has no area'])
  t.same(
    names('all'),
    capabilities.map(({ name }) => name),
  )
})
