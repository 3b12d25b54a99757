import t from 'tap'
import { outcomesOf, skipPattern, type TestEvent } from './go-tests.ts'

/** Events as `go tool test2json` tells them. */
const event = (Action: string, Test?: string, Output?: string): TestEvent => ({ Action, Test, Output })

const short = (events: TestEvent[]) => outcomesOf(events).map(({ name, outcome }) => [name, outcome])

t.test('a test ends as its last word says, and has what it printed', async t => {
  const events = [
    event('run', 'TestA'),
    event('output', 'TestA', '=== RUN   TestA\n'),
    event('run', 'TestB'),
    event('output', 'TestB', 'of B\n'),
    event('output', 'TestA', 'of A\n'),
    event('fail', 'TestB'),
    event('pass', 'TestA'),
    event('run', 'TestC'),
    event('skip', 'TestC'),
    event('output', undefined, 'FAIL\n'),
    event('fail'),
  ]
  t.same(outcomesOf(events), [
    { name: 'TestA', outcome: 'pass', details: '=== RUN   TestA\nof A\n' },
    { name: 'TestB', outcome: 'fail', details: 'of B\n' },
    { name: 'TestC', outcome: 'skip', details: '' },
  ])
})

t.test('subtests speak for their test, which is told only when it failed by itself', async t => {
  const family = (outcome: string, child: string) => [
    event('run', 'TestA'),
    event('run', 'TestA/one'),
    event('run', 'TestA/two/deep'),
    event('run', 'TestA/two'),
    event('pass', 'TestA/one'),
    event(child, 'TestA/two/deep'),
    event(child, 'TestA/two'),
    event(outcome, 'TestA'),
  ]
  t.same(short(family('pass', 'pass')), [
    ['TestA/one', 'pass'],
    ['TestA/two/deep', 'pass'],
  ])
  t.same(
    short(family('fail', 'fail')),
    [
      ['TestA/one', 'pass'],
      ['TestA/two/deep', 'fail'],
    ],
    'it failed because of one of them',
  )
  t.same(
    short(family('fail', 'pass')),
    [
      ['TestA', 'fail'],
      ['TestA/one', 'pass'],
      ['TestA/two/deep', 'pass'],
    ],
    'none of them did',
  )
})

t.test('what ran when the program ended has failed, with what it said at its end', async t => {
  const events = [
    event('run', 'TestA'),
    event('run', 'TestA/one'),
    event('output', 'TestA/one', 'waits\n'),
    event('run', 'TestB'),
    event('pass', 'TestB'),
    event('output', undefined, 'panic: test timed out\n'),
    event('fail'),
  ]
  t.same(outcomesOf(events), [
    { name: 'TestA/one', outcome: 'fail', details: 'waits\npanic: test timed out\nit did not end' },
    { name: 'TestB', outcome: 'pass', details: '' },
  ])
})

t.test('what is left out is named to Go part by part, with nothing in it that it would read otherwise', t => {
  t.equal(skipPattern('TestA'), '^TestA$')
  t.equal(skipPattern('TestA*'), '^TestA')
  t.equal(skipPattern('TestA/in_some_way'), '^TestA$/^in_some_way$')
  t.equal(skipPattern('TestA/(*.go|a[0])'), '^TestA$/^\\(\\*\\.go\\|a\\[0\\]\\)$')
  t.equal(skipPattern('TestA/one*'), '^TestA$/^one')
  t.equal(skipPattern('TestA/*'), '^TestA$/^')
  t.end()
})
