import t from 'tap'
import { outcomesOf } from './rust-tests.ts'

t.test(
  'what a Rust test program prints tells how each test ended, and what those printed that failed',
  async t => {
    const output = `
running 4 tests
test admin::test_topics ... FAILED
test consumers::test_seek - should panic ... ok
test producers::test_send ... ok
test producers::test_later ... ignored, needs a cluster

failures:

---- admin::test_topics stdout ----

thread 'admin::test_topics' panicked at tests/test_admin.rs:7:5:
assertion failed: topic exists


failures:
    admin::test_topics

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.00s
`
    t.match(outcomesOf(output), [
      { name: 'admin::test_topics', outcome: 'fail', details: /assertion failed: topic exists/ },
      { name: 'consumers::test_seek', outcome: 'pass' },
      { name: 'producers::test_send', outcome: 'pass' },
      { name: 'producers::test_later', outcome: 'skip' },
    ])
  },
)
