/** The list for users and the rules of the scenario are the same. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { rules } from './undetectable.ts'

t.test('users are told of exactly what the scenario accepts', async t => {
  const text = readFileSync(new URL('../../../../../docs/log-tools.md', import.meta.url), 'utf8')
  const section = text.split('## What cannot be noticed')[1] ?? ''
  const listed = section.split('\n').flatMap(line => (line.startsWith('- ') ? [line.slice(2)] : []))
  t.same(
    listed,
    rules.map(({ reason }) => reason),
  )
})
