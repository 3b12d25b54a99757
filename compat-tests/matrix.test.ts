import { readFile } from 'node:fs/promises'
import t from 'tap'
import { areaOf } from './capability.ts'
import { clients, suiteOf } from './clients.ts'
import { matrixAsText, matrixOf, readCell, readMatrix, withMatrix } from './matrix.ts'
import type { CapabilityResult } from './run-suite.ts'

const empty = 'before\n<!-- compat -->\n| client |\n| --- |\n<!-- /compat -->\nafter\n'

function result(
  client: string,
  area: CapabilityResult['area'],
  outcome: CapabilityResult['outcome'] = 'pass',
  reason?: string,
): CapabilityResult {
  return { client, area, capability: `${area} in some way`, outcome, reason, durationMs: 1 }
}

t.test('the table in the README has every client, and counts every capability of its suite', async t => {
  const rows = readMatrix(await readFile('README.md', 'utf8'))
  const known = await clients()
  t.same(
    rows.map(({ client }) => client),
    known,
    'run npm run compat -- --readme',
  )
  for (const { client, cells, reasons } of rows) {
    const expected: Record<string, number> = {}
    for (const capability of (await suiteOf(client)).capabilities) {
      expected[areaOf(capability)] = (expected[areaOf(capability)] ?? 0) + 1
    }
    const read = [...cells].map(([area, cell]) => [area, readCell(cell)] as const)
    const counted = Object.fromEntries(read.map(([area, { total }]) => [area, total]))
    t.same(counted, expected, `run npm run compat -- ${client} --readme`)
    const isShown = read.every(([, cell]) => cell.isShown)
    t.equal(reasons.length === 0, isShown, `${client}: what is not shown has its reason below the table`)
  }
})

t.test('a cell says what went worst, of how many capabilities', async t => {
  const rows = matrixOf([
    ...[result('old', 'produce'), result('old', 'produce')],
    ...[result('old', 'acks', 'fail', 'an error'), result('old', 'acks', 'skip', 'no toolchain')],
    ...[result('old', 'groups', 'skip', 'no toolchain'), result('old', 'groups')],
    ...[result('old', 'groups', 'n/a', 'it has no groups')],
    ...[result('old', 'seek'), result('old', 'seek', 'n/a', 'it cannot seek')],
    result('new', 'headers'),
  ])
  t.same(
    rows.map(({ client, cells }) => [client, Object.fromEntries(cells)]),
    [
      ['old', { produce: '✓ 2', acks: '✗ 1 of 2', groups: 'skip 1 of 3', seek: 'n/a 1 of 2' }],
      ['new', { headers: '✓ 1' }],
    ],
  )
  t.same(
    rows[0]!.reasons,
    [
      'old, acks: acks in some way: ✗: an error',
      'old, 2 capabilities: skip: no toolchain',
      'old, groups: groups in some way: n/a: it has no groups',
      'old, seek: seek in some way: n/a: it cannot seek',
    ],
    'one line for what has one reason',
  )
  const [heading = '', , ...lines] = matrixAsText(rows).split('\n')
  t.same(
    heading.split(/\s{2,}/),
    ['client', 'produce', 'acks', 'headers', 'seek', 'groups'],
    'in the order of areas',
  )
  t.match(lines[0], /^old +✓ 2 +✗ 1 of 2 +– +n\/a 1 of 2 +skip 1 of 3$/)
})

t.test('a run replaces the rows of the clients that it ran, and no others', async t => {
  const ran = (...results: CapabilityResult[]) => matrixOf(results)
  const first = withMatrix(
    empty,
    ran(
      result('a', 'produce', 'skip', 'no a'),
      result('b', 'produce', 'fail', 'b is wrong'),
      result('c', 'acks'),
    ),
    ['a', 'b', 'c'],
  )
  t.match(first, /^before\n<!-- compat -->\n\| client \| produce \| acks \|\n/)
  t.match(first, /<!-- \/compat -->\nafter\n$/)
  t.same(withMatrix(first, [], ['a', 'b', 'c']), first, 'read and written again it is the same')
  const second = withMatrix(first, ran(result('b', 'headers'), result('d', 'groups')), ['a', 'b', 'd'])
  t.same(
    readMatrix(second).map(({ client, cells, reasons }) => [client, Object.fromEntries(cells), reasons]),
    [
      ['a', { produce: 'skip 1 of 1' }, ['a, produce: produce in some way: skip: no a']],
      ['b', { headers: '✓ 1' }, []],
      ['d', { groups: '✓ 1' }, []],
    ],
    'a client that is no more has left',
  )
  t.throws(() => withMatrix('no markers', [], []), /there is no <!-- compat -->/)
  t.throws(() => readMatrix(first.replace('produce', 'production')), /'production', which is no area/)
  t.throws(() => readCell('mostly'), /no cell of the table/)
  t.same(readCell('n/a 1 of 2'), { total: 2, isShown: false })
})
