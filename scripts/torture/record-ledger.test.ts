/**
 * The checker of the torture runs must be able to fail: every kind of damage that it claims to notice is done
 * to a log that is otherwise perfect.
 */
import t from 'tap'
import {
  type ReadBackSummary,
  type ReadRecord,
  type RecordLedger,
  recordLedger,
  type ViolationKind,
} from './record-ledger.ts'

/** Two producers, two partitions, 40 acknowledged records, 4 without an answer, delivered and committed. */
function perfectRun(): { ledger: RecordLedger; log: ReadRecord[] } {
  const ledger = recordLedger(2)
  const log: ReadRecord[] = []
  const ends = [0, 0]
  for (let send = 0; send < 11; send++) {
    for (const producer of ['p0', 'p1']) {
      const partition = (send + Number(producer[1])) % 2
      const records = [ledger.send(producer, partition), ledger.send(producer, partition)]
      const baseOffset = ends[partition]!
      for (const { value } of records) log.push({ partition, offset: ends[partition]!++, value })
      if (send < 10) ledger.acknowledge(producer, partition, records[0]!.sequence, 2, baseOffset)
    }
  }
  for (const record of log) ledger.deliver(record)
  for (const partition of [0, 1]) {
    ledger.committed(partition, 5)
    ledger.committed(partition, ends[partition]!)
    ledger.checkLogEnd(ledger.promises(), partition, ends[partition]!)
    ledger.checkCommitted(ledger.promises(), partition, ends[partition]!)
  }
  return { ledger, log }
}

function checkReadBack(ledger: RecordLedger, log: readonly ReadRecord[]): ReadBackSummary {
  const check = ledger.beginReadBack()
  for (const record of log) check.add(record)
  return check.end()
}

function kindsAfter(damage: (log: ReadRecord[], ledger: RecordLedger) => ReadRecord[]): ViolationKind[] {
  const { ledger, log } = perfectRun()
  return [...new Set(checkReadBack(ledger, damage(log, ledger)).violations.map(({ kind }) => kind))].sort()
}

t.test('a log that kept every promise passes, unanswered records included', async t => {
  const { ledger, log } = perfectRun()
  t.strictSame(checkReadBack(ledger, log), { read: 44, acknowledged: 40, unanswered: 4, violations: [] })
  const withoutUnanswered = perfectRun()
  t.strictSame(
    checkReadBack(withoutUnanswered.ledger, withoutUnanswered.log.slice(0, 40)).violations.map(
      ({ kind }) => kind,
    ),
    ['delivered, then gone', 'delivered, then gone', 'delivered, then gone', 'delivered, then gone'],
    'an unanswered record may be missing, unless somebody has read it',
  )
})

t.test('a lost record is noticed in the middle and at the end', async t => {
  t.match(
    kindsAfter(log => log.filter((_, index) => index !== 10)),
    ['lost', 'offset gap'],
  )
  t.ok(kindsAfter(log => log.slice(0, 30)).includes('lost'))
  t.ok(kindsAfter(() => []).includes('lost'), 'an empty log')
})

t.test('a lost record is noticed although the offsets after it have closed up', async t => {
  const kinds = kindsAfter(log => {
    const { partition, offset } = log[10]!
    return log
      .filter((_, index) => index !== 10)
      .map(record =>
        record.partition === partition && record.offset > offset
          ? { ...record, offset: record.offset - 1 }
          : record,
      )
  })
  t.ok(kinds.includes('lost'))
  t.ok(kinds.includes('moved'))
})

t.test('a duplicated record is noticed', async t => {
  const kinds = kindsAfter(log => {
    const end = log.filter(({ partition }) => partition === 0).length
    return [...log, { ...log.find(({ partition }) => partition === 0)!, offset: end }]
  })
  t.strictSame(kinds, ['duplicated'])
})

t.test('two records that changed places are noticed', async t => {
  const kinds = kindsAfter(log => {
    const [first, second] = [log[0]!, log[1]!]
    return [{ ...second, offset: 0 }, { ...first, offset: 1 }, ...log.slice(2)]
  })
  t.ok(kinds.includes('reordered'))
})

t.test('a damaged value and a value of another partition are noticed', async t => {
  t.ok(
    kindsAfter(log =>
      log.map((r, i) => (i === 7 ? { ...r, value: `${r.value.slice(0, -1)}!` } : r)),
    ).includes('damaged'),
  )
  t.ok(
    kindsAfter(log => log.map((r, i) => (i === 7 ? { ...r, value: log[4]!.value } : r))).includes('damaged'),
  )
})

t.test('a record that nobody sent is noticed', async t => {
  const stranger = recordLedger(2).send('stranger', 0).value
  const kinds = kindsAfter(log => [
    ...log,
    { partition: 0, offset: log.filter(({ partition }) => partition === 0).length, value: stranger },
  ])
  t.strictSame(kinds, ['never sent'])
})

t.test('a committed offset that moved back is noticed, told or acknowledged', async t => {
  t.strictSame(
    kindsAfter((log, ledger) => {
      ledger.checkCommitted(ledger.promises(), 0, 3)
      return log
    }),
    ['commit moved back'],
  )
  t.strictSame(
    kindsAfter((log, ledger) => {
      ledger.committed(1, 4)
      return log
    }),
    ['commit moved back'],
  )
})

t.test('a delivery that skips records, and one that a later log contradicts, are noticed', async t => {
  const skipping = recordLedger(1)
  const [first, , third] = [skipping.send('p0', 0), skipping.send('p0', 0), skipping.send('p0', 0)]
  skipping.deliver({ partition: 0, offset: 0, value: first.value })
  skipping.deliver({ partition: 0, offset: 2, value: third!.value })
  t.match(skipping.violations(), [{ kind: 'not delivered' }])

  const rewritten = recordLedger(1)
  const [old, replacement] = [rewritten.send('p0', 0), rewritten.send('p0', 0)]
  rewritten.deliver({ partition: 0, offset: 0, value: old.value })
  const summary = checkReadBack(rewritten, [{ partition: 0, offset: 0, value: replacement.value }])
  t.match(summary.violations, [{ kind: 'delivered, then gone' }])
})

t.test('a delivery may be repeated, but only from where it came first', async t => {
  const ledger = recordLedger(1)
  const [first, second] = [ledger.send('p0', 0), ledger.send('p0', 0)]
  const deliver = (offset: number, value: string) => ledger.deliver({ partition: 0, offset, value })
  deliver(0, first.value)
  deliver(1, second.value)
  deliver(0, first.value)
  deliver(1, second.value)
  t.strictSame(ledger.violations(), [])
  deliver(2, first.value)
  t.match(ledger.violations(), [{ kind: 'duplicated' }])
})

t.test('a log end before the last acknowledged record is noticed at once', async t => {
  const { ledger } = perfectRun()
  ledger.checkLogEnd(ledger.promises(), 0, 3)
  t.match(ledger.violations(), [{ kind: 'lost' }])
})

t.test('records that were deleted on purpose are missed by nobody, those behind them are', async t => {
  const read = (from: number, to: number) => {
    const ledger = recordLedger(1)
    const records = Array.from({ length: 4 }, () => ledger.send('p0', 0))
    ledger.acknowledge('p0', 0, 0, 4, 0)
    ledger.deletedBefore(0, 2)
    const log = records.map(({ value }, offset) => ({ partition: 0, offset, value })).slice(from, to)
    return checkReadBack(ledger, log).violations.map(({ kind }) => kind)
  }
  t.strictSame(read(2, 4), [])
  t.strictSame(read(2, 3), ['lost'])
  t.strictSame(read(3, 4), ['offset gap', 'lost'])
})
