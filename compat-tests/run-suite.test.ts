import t from 'tap'
import type { BrokerUnderTest } from './broker-under-test.ts'
import { Lacking, Skipped } from './capability.ts'
import { closingLines } from './report.ts'
import { runCapability } from './run-suite.ts'

const broker: BrokerUnderTest = {
  kind: 'external',
  description: 'no broker',
  bootstrap: 'localhost:0',
  restart: null,
  startAnother: null,
  logTail: () => '',
  stop: async () => undefined,
}

function outcomeOf(test: () => Promise<void>) {
  return runCapability('client', { name: 'something', area: 'groups', test }, broker, 1)
}

t.test('what could not be tried here is a skip, and what the client has not is none', async t => {
  const results = [
    await outcomeOf(async () => undefined),
    await outcomeOf(() => Promise.reject(new Skipped('no toolchain'))),
    await outcomeOf(() => Promise.reject(new Lacking('it has no groups'))),
    await outcomeOf(() => Promise.reject(new Error('wrong\nin detail'))),
  ]
  t.same(
    results.map(({ outcome, reason }) => [outcome, reason]),
    [
      ['pass', undefined],
      ['skip', 'no toolchain'],
      ['n/a', 'it has no groups'],
      ['fail', 'wrong'],
    ],
  )
  t.same(closingLines(results), ['1 not in the client', '1 passed, 1 failed, 1 skipped'])
  t.same(closingLines(results.slice(0, 1)), ['1 passed, 0 failed, 0 skipped'], 'unless there is such a thing')
})
