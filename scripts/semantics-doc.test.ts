import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { behavioursIn, problemsOf, titlesIn } from './semantics-doc.ts'

t.test('docs/semantics.md names a test for every behaviour that is served, and each one exists', async t => {
  const document = readFileSync('docs/semantics.md', 'utf8')
  t.ok(behavioursIn(document).length > 70)
  const sourceOf = (path: string) => {
    const file = join(process.cwd(), path)
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined
  }
  t.same(problemsOf(document, sourceOf), [])
})

t.test('a name that is wrong, and an item without one, are noticed', async t => {
  const source = [
    "t.test('outer', async t => {",
    "  await t.test(\n    'it\\'s inner',",
    '  t.test(`${' + 'name}: shared`, async t => {',
    '  t.test("quoted", async t => {',
  ].join('\n')
  t.same([...titlesIn(source)], ['outer', "it's inner", 'shared', 'quoted'])
  const problems = (item: string) => problemsOf(item, path => (path === 'a.test.ts' ? source : undefined))
  t.same(problems('- Fine. `a.test.ts` "outer › it\'s inner"\n  "shared" and `a.test.ts` "a, b: shared"'), [])
  t.same(problems('- *not served\n  yet*'), [])
  t.same(problems('- Nothing.'), ['line 1 names no test'])
  t.same(problems('\n- Wrong. `a.test.ts` "outer › gone"\n  "lost"\nNot part of it "x"'), [
    "line 2: a.test.ts has no test 'gone'",
    "line 2: a.test.ts has no test 'lost'",
  ])
  t.same(problems('- Wrong. `b.test.ts` "outer"'), ['line 1: there is no b.test.ts'])
})
