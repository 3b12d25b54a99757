import t from 'tap'
import { type Files, findProblems, readProject } from './tidy.ts'

const comment = '/** What it is. */\n'

function problemsOf(
  files: Record<string, string>,
  architecture = 'scripts/ protocol-codecs/ compat-tests/',
): string[] {
  const folders = Object.keys(files).map(path => `${path.split('/')[1]}/`)
  const all: Files = new Map([
    ['ARCHITECTURE.md', `src/ ${architecture} ${folders.join(' ')}`],
    ...Object.entries(files),
  ])
  return findProblems(all).map(({ path, problem }) => `${path} ${problem}`)
}

function importing(specifier: string, what = 'thing'): string {
  return `${comment}import { ${what} } from '${specifier}'\n`
}

t.test('the project is tidy', async t => {
  const files = readProject(process.cwd())
  t.ok(files.has('src/broker.ts') && files.has('package.json'), 'run from the root of the project')
  const known = findProblems(files).map(({ path, problem }) => `${path} ${problem}`)
  t.same(known, [])
})

t.test('dependencies run one way', async t => {
  const fine = {
    'src/broker.ts': importing('./storage/local/engine.ts'),
    'src/main.ts': importing('./broker.ts') + importing('./commands/topic.ts'),
    'src/commands/topic.ts': importing('../client/connection.ts') + importing('../exit-codes.ts'),
    'src/client/connection.ts': importing('../../protocol-codecs/codec.ts'),
    'src/network/listener.ts': importing('../requests/request-processor.ts', 'type RequestProcessor'),
    'src/requests/produce.ts': importing('../storage/partition-log.ts'),
    'src/groups/group.ts': importing('../coordination/runtime.ts'),
    'src/storage/local/engine.ts': importing('../partition-log.ts'),
    'src/requests/produce.test.ts': importing('../broker.ts'),
    'compat-tests/kcat/suite.ts': importing('../../scripts/report.ts'),
  }
  t.same(problemsOf(fine), [])
  const wrong = [
    ['src/requests/produce.ts', '../network/listener.ts', 'src/requests may not know src/network'],
    ['src/requests/produce.ts', '../storage/local/engine.ts', 'src/requests may not know src/storage/local'],
    ['src/network/listener.ts', '../storage/local/engine.ts', 'src/network may not know src/storage/local'],
    ['src/main.ts', './storage/local/engine.ts', 'src may not know src/storage/local'],
    ['src/client/connection.ts', '../network/frame-buffer.ts', 'src/client may not know src/network'],
    ['src/client/connection.ts', '../settings/setting.ts', 'src/client may not know src/settings'],
    ['src/commands/topic.ts', '../broker.ts', 'src/commands may not know src/broker.ts'],
    ['src/groups/group.ts', '../topics/topics.ts', 'src/groups may not know src/topics'],
    ['src/coordination/runtime.ts', '../groups/group.ts', 'src/coordination may not know src/groups'],
    ['src/storage/log.ts', '../storage/local/engine.ts', 'src/storage may not know src/storage/local'],
    ['src/platform/clock.ts', '../storage/log.ts', 'src/platform may not know src/storage'],
    ['src/cluster/cluster.ts', '../../src/broker.ts', 'src/cluster may not know src/broker.ts'],
    ['protocol-codecs/reader.ts', '../src/platform/clock.ts', 'protocol-codecs may not know src/platform'],
    ['compat-tests/kcat/suite.ts', '../../src/broker.ts', 'compat-tests may not know src/broker.ts'],
  ]
  for (const [path, specifier, problem] of wrong as [string, string, string][]) {
    const [found = ''] = problemsOf({ [path]: importing(specifier) })
    t.ok(found.startsWith(`${path} imports`) && found.endsWith(problem), found || `${path} ${specifier}`)
    t.equal(problemsOf({ [path]: importing(specifier, 'type Thing') }).length, 1, 'types are knowledge too')
  }
  t.match(problemsOf({ 'protocol-codecs/reader.ts': importing('node:fs') }), [/codecs do no I\/O/])
  t.match(problemsOf({ 'protocol-codecs/reader.ts': importing('node:fs/promises') }), [/codecs do no I\/O/])
  t.same(problemsOf({ 'protocol-codecs/gzip.ts': importing('node:zlib') }), [])
  t.match(problemsOf({ 'src/topics/a.ts': importing('../testing/manual-clock.ts') }), [/which is for tests/])
  t.match(problemsOf({ 'src/surprise/a.ts': importing('../topics/topics.ts') }), [/knows no place/])
})

t.test('files do not import each other in a circle, except for types', async t => {
  const a = importing('./b.ts')
  const c = importing('./a.ts')
  t.match(
    problemsOf({ 'src/topics/a.ts': a, 'src/topics/b.ts': importing('./c.ts'), 'src/topics/c.ts': c }),
    [/imports itself: src\/topics\/a\.ts -> src\/topics\/b\.ts -> src\/topics\/c\.ts -> src\/topics\/a\.ts/],
  )
  t.same(problemsOf({ 'src/topics/a.ts': a, 'src/topics/b.ts': importing('./a.ts', 'type A') }), [])
  t.same(
    problemsOf({ 'src/topics/a.ts': a, 'src/topics/b.ts': `${comment}import type { A } from './a.ts'` }),
    [],
  )
  t.equal(problemsOf({ 'src/topics/a.ts': a, 'src/topics/b.ts': importing('./a.ts', 'type A, B') }).length, 1)
  t.equal(
    problemsOf({ 'src/topics/a.ts': a, 'src/topics/b.ts': `${comment}await import('./a.ts')` }).length,
    1,
  )
  t.equal(
    problemsOf({ 'src/topics/a.ts': a, 'src/topics/b.ts': `${comment}export * from './a.ts'` }).length,
    1,
  )
})

t.test('every file says what it is, in a place and a length that can be found and read', async t => {
  t.match(problemsOf({ 'src/topics/a.ts': 'export const a = 1\n/** Late. */' }), [
    /does not open with a comment/,
  ])
  t.match(problemsOf({ 'src/topics/a.ts': '// Not like this.' }), [/does not open with a comment/])
  t.same(problemsOf({ 'src/topics/a.ts': `import { b } from './b.ts'\n${comment}` }), [])
  t.same(problemsOf({ 'src/topics/a.ts': `import {\n  b,\n} from './b.ts'\n\n${comment}` }), [])
  t.same(problemsOf({ 'src/main.ts': `#!/usr/bin/env node\n${comment}` }), [])
  t.match(problemsOf({ 'src/topics/a.ts': comment + '\n'.repeat(450) }), [/has 451 lines/])
  for (const name of ['utils', 'util', 'helpers', 'index', 'common']) {
    t.match(problemsOf({ [`src/topics/${name}.ts`]: comment }), [/name that says nothing/])
  }
  t.same(problemsOf({ 'src/topics/utilization.ts': comment }), [])
  t.match(problemsOf({ 'src/topics/Topic.ts': comment }), [/kebab-case/])
  t.match(findProblems(new Map([['src/topics/a.ts', comment]])), [{ problem: 'is missing' }])
  const unnamed = findProblems(
    new Map([
      ['src/topics/a.ts', comment],
      ['ARCHITECTURE.md', 'src/'],
    ]),
  )
  t.match(unnamed, [{ path: 'src/topics', problem: 'is not named in ARCHITECTURE.md' }])
})

t.test('nothing is printed but by commands, and no machine is mentioned', async t => {
  const prints = `${comment}console.log('here')`
  t.match(problemsOf({ 'src/topics/a.ts': prints }), [/prints to the console/])
  t.same(problemsOf({ 'src/main.ts': prints, 'scripts/bench/run.ts': prints, 'src/a.bench.ts': prints }), [])
  for (const parts of [
    ['', 'work', 'main'],
    ['', 'tmp', 'brief'],
  ]) {
    t.match(problemsOf({ 'README.md': `see ${parts.join('/')}` }), [/ mentions /])
  }
  t.match(problemsOf({ 'package-lock.json': ['https://registry', 'npmjs', 'org/tap'].join('.') }), [
    / mentions /,
  ])
  t.same(problemsOf({ 'README.md': 'how /workers work/ and /tmp/ottla' }), [])
})
