import t from 'tap'
import type { TestContext } from './capability.ts'
import {
  holdAgainstList,
  judge,
  leftOut,
  type NotPassing,
  type PublishedTests,
  type TestOutcome,
} from './published-tests.ts'

const ran = (outcome: TestOutcome['outcome'], ...names: string[]): TestOutcome[] =>
  names.map(name => ({ name, outcome, details: `what ${name} printed` }))

const list = (...notPassing: Omit<NotPassing, 'reason'>[]): PublishedTests => ({
  notPassing: notPassing.map(entry => ({ reason: 'It is so.', ...entry })),
  passAtLeast: { ottla: 1, 'apache-kafka': 1 },
})

/** What a run against Ottla differs in from the list. */
function differences(published: PublishedTests, outcomes: TestOutcome[], known?: string[]): string[] {
  return judge(published, { outcomes, known }, 'ottla').differences.map(({ what }) => what)
}

t.test('a run that is as listed differs in nothing, and is told in numbers', async t => {
  const published = list(
    { test: 'fails', outcome: 'fail' },
    { test: 'is skipped', outcome: 'skip' },
    { test: 'waits for ever', outcome: 'left out' },
  )
  const outcomes = [...ran('pass', 'a', 'b'), ...ran('fail', 'fails'), ...ran('skip', 'is skipped')]
  t.same(judge(published, { outcomes }, 'ottla'), {
    differences: [],
    summary: '2 of 4 passed, 2 did not for listed reasons, 1 left out',
  })
})

t.test('what does not pass has to be on the list, with that very outcome', async t => {
  const outcomes = [...ran('pass', 'a'), ...ran('fail', 'b', 'c'), ...ran('skip', 'd')]
  t.same(differences(list({ test: 'c', outcome: 'skip' }), outcomes), [
    'b failed',
    'c failed, listed is: skip',
    'd was skipped',
  ])
})

t.test('an entry grows old when its test passes, is gone, or is run although it is left out', async t => {
  const published = list(
    { test: 'mended', outcome: 'fail' },
    { test: 'gone', outcome: 'fail' },
    { test: 'ran', outcome: 'left out' },
  )
  t.same(differences(published, ran('pass', 'mended', 'ran')), [
    'mended passed, listed is: fail',
    'ran passed, listed is: left out',
    'gone is listed and was not seen',
  ])
})

t.test('what is left out is looked for among the tests that there are, where these are known', async t => {
  const published = list(
    { test: 'whole', outcome: 'left out' },
    { test: 'other/part', outcome: 'left out' },
    { test: 'begin*', outcome: 'left out' },
    { test: 'gone', outcome: 'left out' },
    { test: 'also gone*', outcome: 'left out' },
  )
  const known = ['a', 'whole', 'other', 'beginning']
  t.same(differences(published, ran('pass', 'a')), [], 'else it is believed')
  t.same(differences(published, ran('pass', 'a'), known), [
    'gone is listed and was not seen',
    'also gone* is listed and was not seen',
  ])
})

t.test('a beginning stands for all tests that begin so, and an exact name is stronger', async t => {
  const published = list(
    { test: 'sasl/*', outcome: 'skip' },
    { test: 'sasl/scram/*', outcome: 'fail' },
    { test: 'sasl/scram/wrong', outcome: 'skip' },
  )
  const outcomes = [
    ...ran('skip', 'sasl/plain', 'sasl/oauth', 'sasl/scram/wrong'),
    ...ran('fail', 'sasl/scram/right'),
    ...ran('pass', 'a'),
  ]
  t.same(differences(published, outcomes), [])
  t.same(differences(published, [...outcomes, ...ran('pass', 'sasl/none')]), [
    'sasl/none passed, listed is: skip',
  ])
})

t.test('what passes sometimes may do either, and has to be there', async t => {
  const published = list({ test: 'flickers', outcome: 'fail', mayPass: true })
  t.same(differences(published, ran('pass', 'a', 'flickers')), [])
  t.same(differences(published, [...ran('pass', 'a'), ...ran('fail', 'flickers')]), [])
  t.same(differences(published, ran('pass', 'a')), ['flickers is listed and was not seen'])
})

t.test('an entry may be of one broker only; of one that nobody knows it may hold or not', async t => {
  const published = list(
    { test: 'not served yet', outcome: 'fail', against: 'ottla' },
    { test: 'hangs', outcome: 'left out', against: 'ottla' },
    { test: 'fails for two reasons', outcome: 'fail', against: 'ottla' },
    { test: 'fails for two reasons', outcome: 'fail', against: 'apache-kafka', mayPass: true },
  )
  const twice = ran('fail', 'fails for two reasons')
  const passing = { outcomes: [...twice, ...ran('pass', 'a', 'not served yet')] }
  const failing = { outcomes: [...twice, ...ran('pass', 'a'), ...ran('fail', 'not served yet')] }
  const count = (run: typeof passing, broker: TestContext['broker']) =>
    judge(published, run, broker).differences.length
  t.same([count(passing, 'ottla'), count(failing, 'ottla')], [1, 0])
  t.same([count(passing, 'apache-kafka'), count(failing, 'apache-kafka')], [0, 1])
  t.same([count(passing, 'external'), count(failing, 'external')], [0, 0])
  const leftOutOf = (broker: TestContext['broker']) => leftOut(published, broker).map(({ test }) => test)
  t.same([leftOutOf('ottla'), leftOutOf('apache-kafka'), leftOutOf('external')], [['hangs'], [], ['hangs']])
})

t.test('few tests that pass are no run, even when none fails', async t => {
  const published = { notPassing: [], passAtLeast: { ottla: 3, 'apache-kafka': 5 } }
  const told = (broker: TestContext['broker'], ...names: string[]) =>
    judge(published, { outcomes: ran('pass', ...names) }, broker).differences.map(({ what }) => what)
  t.same(told('ottla', 'a', 'b'), ['only 2 passed, at least 3 do'])
  t.same(told('ottla', 'a', 'b', 'c'), [])
  t.same(told('apache-kafka', 'a', 'b', 'c'), ['only 3 passed, at least 5 do'])
  t.same(told('external', 'a', 'b', 'c'), [], 'of a broker that nobody knows the lower one')
})

t.test('the capability fails with the names first, then what each has printed last', async t => {
  const summaries: string[] = []
  const context = {
    broker: 'ottla',
    summarize: (text: string) => summaries.push(text),
  } as unknown as TestContext
  const long = Array.from({ length: 100 }, (_, line) => `line ${line}`).join('\n')
  const outcomes: TestOutcome[] = [...ran('pass', 'a'), { name: 'b', outcome: 'fail', details: long }]
  try {
    holdAgainstList(context, list({ test: 'gone', outcome: 'skip' }), { outcomes, outputFile: 'all.log' })
    t.fail('it has to fail')
  } catch (error) {
    const { message, errors } = error as AggregateError
    t.equal(
      message,
      [
        '2 not as listed: b failed, ...',
        'gone is listed and was not seen',
        '1 of 2 passed, 0 did not for listed reasons',
        'all that was printed: all.log',
      ].join('\n'),
    )
    t.match(errors, [{ message: /^b failed, it printed last:\nline 85\n(line \d+\n)+line 99$/ }])
  }
  holdAgainstList(context, list(), { outcomes: ran('pass', 'a') })
  t.equal(summaries.at(-1), '1 of 1 passed, 0 did not for listed reasons')
})
