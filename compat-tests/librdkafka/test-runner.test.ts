import t from 'tap'
import { jobsFor, outcomesOf, testsIn } from './test-runner.ts'

t.test('the table of tests tells which of them speak to a broker', async t => {
  const table = `struct test tests[] = {
    {.name = "<MAIN>", .flags = TEST_F_LOCAL},
    _TEST(0000_unittests,
          TEST_F_LOCAL,
          _THRES(.ucpu = 100.0)),
    _TEST(0001_multiobj, 0),
    _TEST(0018_cgrp_term, 0, TEST_BRKVER(0, 9, 0, 0)),
    _TEST(0066_plugins,
          TEST_F_LOCAL | TEST_F_KNOWN_ISSUE_WIN32,
          .extra = "dynamic loading"),
    _TEST(0076_produce_retry, TEST_F_SOCKEM),
    _TEST(0045_noautocreate,
          0,
          TEST_BRKVER(0, 9, 0, 0),
          .scenario = "noautocreate"),
    _TEST(8000_idle, TEST_F_MANUAL),
`
  const run = testsIn(table).filter(({ isRun }) => isRun)
  t.same(
    run.map(({ name }) => name),
    ['0001_multiobj', '0018_cgrp_term', '0045_noautocreate'],
  )
})

t.test('the report tells how each test ended; what is not in it has failed', async t => {
  const report = JSON.stringify({
    tests: { '0001_a': { state: 'PASSED' }, '0001_b': { state: 'SKIPPED' }, '0001_c': { state: 'FAILED' } },
  })
  const output = 'a line\n### Test "0001_c" failed at 0001.c:7:f(): ###\nexpected 1, got 2\nanother line\n'
  const tests = ['0001_a', '0001_b', '0001_c', '0001_d']
  t.same(
    outcomesOf({ number: '0001', tests }, report, output).map(({ outcome }) => outcome),
    ['pass', 'skip', 'fail', 'fail'],
  )
  t.equal(
    outcomesOf({ number: '0001', tests }, report, output)[2]!.details,
    '### Test "0001_c" failed at 0001.c:7:f(): ###\nexpected 1, got 2',
  )
  t.same(
    outcomesOf({ number: '0001', tests }, '', 'killed').map(({ outcome, details }) => [outcome, details]),
    tests.map(() => ['fail', 'killed']),
  )
})

t.test(
  'tests of a number share a process, a subtest has its own and counts only when it was run',
  async t => {
    const jobs = jobsFor(['0001_a', '0081_admin/do_test_A', '0001_b', '0081_admin/do_test_B'])
    t.same(jobs, [
      { number: '0081', tests: ['0081_admin/do_test_A'], subtest: 'do_test_A' },
      { number: '0081', tests: ['0081_admin/do_test_B'], subtest: 'do_test_B' },
      { number: '0001', tests: ['0001_a', '0001_b'] },
    ])
    const report = JSON.stringify({ tests: { '0081_admin': { state: 'PASSED' } } })
    t.match(outcomesOf(jobs[0]!, report, '[ do_test_A:7 ]\n'), [
      { name: '0081_admin/do_test_A', outcome: 'pass' },
    ])
    t.match(outcomesOf(jobs[1]!, report, '[ do_test_A:7 ]\n'), [
      { name: '0081_admin/do_test_B', outcome: 'skip' },
    ])
  },
)
