/**
 * The rules of the house that a compiler does not see: which folder may import which, no cycles, every file says
 * what it is, none grows too long, no names that say nothing, nothing printed by a library, no mention of the
 * machine it was written on. `tidy.test.ts` holds the project to them; the rules for imports are this table.
 *
 * Layers hold for type imports too: a type is knowledge. Cycles are looked for among imports of values only,
 * because an import of types is gone when the code runs; so types may refer to each other within a folder.
 * Tests, benchmarks, fuzzers and what they share (`testing/`, `vectors/`) may reach for whatever they test.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

export interface Problem {
  readonly path: string
  readonly problem: string
}

/** Paths relative to the project's root, with their text. */
export type Files = ReadonlyMap<string, string>

const seams = ['src/storage', 'src/cluster']
/** What everybody may know. */
const foundations = ['src/settings', 'src/metrics', 'src/platform', 'src/version.ts', 'protocol-codecs']
const coordination = ['src/coordination', ...seams]
const domains = [
  'src/groups',
  'src/transactions',
  'src/topics',
  'src/security',
  'src/quotas',
  'src/telemetry',
]

/** Files of `src` that are parts of their own, because not everybody may know them, or because anybody may. */
const filesOfTheirOwn: ReadonlySet<string> = new Set(['src/broker.ts', 'src/exit-codes.ts', 'src/version.ts'])

/** What each part may import, apart from itself. A part that is not named here is a mistake. */
const allowed: ReadonlyMap<string, readonly string[]> = new Map([
  ['protocol-codecs', []],
  ['src/version.ts', []],
  ['src/platform', ['src/settings', 'protocol-codecs']],
  ['src/metrics', ['src/settings', 'src/platform', 'protocol-codecs']],
  ['src/settings', ['src/platform', 'protocol-codecs']],
  ['src/storage', foundations],
  ['src/storage/local', ['src/storage', ...foundations]],
  ['src/cluster', ['src/storage', ...foundations]],
  ['src/coordination', [...seams, ...foundations]],
  ...domains.map(domain => [domain, [...coordination, ...foundations]] as const),
  ['src/requests', [...domains, ...coordination, ...foundations]],
  ['src/network', ['src/requests', ...foundations]],
  [
    'src/broker.ts',
    ['src/network', 'src/requests', 'src/storage/local', ...domains, ...coordination, ...foundations],
  ],
  // Commands that talk to a broker know the protocol and nothing of the broker beside it.
  ['src/client', ['protocol-codecs']],
  ['src/commands', ['src/client', 'src/exit-codes.ts', 'src/version.ts', 'protocol-codecs']],
  // Reads a data directory without a broker, by the engine's own knowledge of its files.
  [
    'src/log-tools',
    ['src/storage/local', 'src/storage', 'src/commands', 'src/exit-codes.ts', ...foundations],
  ],
  ['src/exit-codes.ts', []],
  // The command, and what a program that embeds the broker imports.
  ['src', ['src/broker.ts', 'src/commands', 'src/log-tools', 'src/exit-codes.ts', ...foundations]],
  [
    'scripts',
    ['src', 'src/broker.ts', 'src/client', 'src/testing', 'src/storage', 'src/storage/local', ...foundations],
  ],
  // These judge the broker from outside: not by its own codecs.
  ['compat-tests', ['scripts']],
  // Codecs are judged elsewhere; here two brokers are, by requests that no client would send.
  ['compat-tests/differential', ['compat-tests', 'scripts', 'src/client', 'protocol-codecs']],
  ['examples', ['scripts']],
])

/** Modules that do input and output, or know the time: not for codecs. */
const inputAndOutput =
  /^(node:)?(fs|net|tls|http|https|http2|dgram|dns|os|child_process|worker_threads|cluster|timers|perf_hooks)(\/|$)/
const longestSource = 450
const longestTest = 650
const emptyNames = /^(utils?|helpers?|common|misc|index)(\.|$)/
/** Who may print: commands. */
const printing = /^(src\/main\.ts|scripts\/|compat-tests\/|examples\/)|\.(bench|fuzz)\.ts$/
/** What only one machine, or one company's network, has; in pieces, so that this file does not mention it either. */
const machineMentions = [
  ...[
    ['', 'work', ''],
    ['', 'tmp', 'brief'],
  ].map(parts => parts.join('/')),
  ...[
    ['registry', 'npmjs', 'org'],
    ['registry', 'yarnpkg', 'com'],
    ['repo', 'maven', 'apache', 'org'],
    ['repo1', 'maven', 'org'],
    ['proxy', 'golang', 'org'],
    ['index', 'crates', 'io'],
    ['pypi', 'org'],
  ].map(parts => parts.join('.')),
]

export function findProblems(files: Files): Problem[] {
  const problems: Problem[] = []
  const sources = new Map([...files].filter(([path]) => path.endsWith('.ts')))
  const imports = new Map([...sources].map(([path, text]) => [path, importsOf(path, text)]))
  for (const [path, text] of files) {
    const report = (problem: string) => problems.push({ path, problem })
    const mention = machineMentions.find(mention => text.includes(mention))
    if (mention !== undefined) report(`mentions ${mention}`)
  }
  for (const [path, text] of sources) {
    const report = (problem: string) => problems.push({ path, problem })
    const name = posix.basename(path)
    if (emptyNames.test(name)) report('has a name that says nothing')
    if (name !== name.toLowerCase()) report('is not named in kebab-case')
    const lineCount = text.split('\n').length - 1
    const limit = isTest(path) ? longestTest : longestSource
    if (lineCount > limit) report(`has ${lineCount} lines, more than ${limit}`)
    if (!isTest(path) && !saysWhatItIs(text)) report('does not open with a comment that says what it is')
    if (!isTestSupport(path) && !printing.test(path) && /\bconsole\./.test(text))
      report('prints to the console')
    for (const found of imports.get(path)!) {
      const problem = problemOfImport(path, found.specifier, found.target)
      if (problem !== undefined) report(problem)
    }
  }
  for (const cycle of cyclesOf(imports)) {
    problems.push({ path: cycle[0]!, problem: `imports itself: ${[...cycle, cycle[0]].join(' -> ')}` })
  }
  const architecture = files.get('ARCHITECTURE.md')
  if (architecture === undefined) problems.push({ path: 'ARCHITECTURE.md', problem: 'is missing' })
  else {
    for (const folder of foldersOf(files)) {
      const name = `${posix.basename(folder)}/`
      if (!architecture.includes(name))
        problems.push({ path: folder, problem: 'is not named in ARCHITECTURE.md' })
    }
  }
  return problems
}

interface Import {
  readonly specifier: string
  /** Path of the file, for one of the project's own. */
  readonly target: string | undefined
  readonly isOfTypes: boolean
}

function importsOf(path: string, text: string): Import[] {
  const found: Import[] = []
  const add = (specifier: string, isOfTypes: boolean) => {
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined
    found.push({ specifier, target, isOfTypes })
  }
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?([^'"`;=()]*?)\s*from\s+'([^']+)'/gm)) {
    const names = /\{([^}]*)\}/.exec(match[2]!)?.[1]?.split(',') ?? []
    const given = names.map(name => name.trim()).filter(name => name !== '')
    const onlyTypes =
      /^\{/.test(match[2]!) && given.length > 0 && given.every(name => name.startsWith('type '))
    add(match[3]!, match[1] !== undefined || onlyTypes)
  }
  for (const match of text.matchAll(/^import\s+'([^']+)'/gm)) add(match[1]!, false)
  for (const match of text.matchAll(/\b(typeof\s+)?import\(\s*'([^']+)'/g))
    add(match[2]!, match[1] !== undefined)
  for (const match of text.matchAll(/\brequire\(\s*'([^']+)'/g)) add(match[1]!, false)
  return found
}

/** The part of the project that a file belongs to, as in `allowed`. */
function partOf(path: string): string {
  const [top = '', folder = '', engine = '', ...rest] = path.split('/')
  if (path.startsWith('compat-tests/differential/')) return 'compat-tests/differential'
  if (top !== 'src') return top
  if (filesOfTheirOwn.has(path)) return path
  if (engine === '') return top
  return folder === 'storage' && rest.length > 0 ? `${top}/${folder}/${engine}` : `${top}/${folder}`
}

function isTest(path: string): boolean {
  return /\.(test|contract)\.ts$/.test(path)
}

function isTestSupport(path: string): boolean {
  return /\.(test|contract|bench|fuzz)\.ts$|(^|\/)(testing|vectors)\//.test(path)
}

function problemOfImport(path: string, specifier: string, target: string | undefined): string | undefined {
  const from = partOf(path)
  if (target === undefined) {
    const isPure = from === 'protocol-codecs' && !isTestSupport(path)
    return isPure && inputAndOutput.test(specifier) ? `imports ${specifier}, and codecs do no I/O` : undefined
  }
  const to = partOf(target)
  if (isTestSupport(path)) return undefined
  if (isTestSupport(target) && from !== 'scripts') return `imports ${target}, which is for tests`
  if (to === from) return undefined
  const parts = allowed.get(from)
  if (parts === undefined)
    return `is in ${from}, of which the tidy check knows no place in the order of layers`
  return parts.includes(to) ? undefined : `imports ${target}: ${from} may not know ${to}`
}

/** A comment before the first declaration; imports and directives may stand before it. */
function saysWhatItIs(text: string): boolean {
  const comment = text.indexOf('/**')
  if (comment < 0) return false
  const before = text
    .slice(0, comment)
    .replace(/^#!.*/, '')
    .replace(/^import\s[^']*'[^']+'/gm, '')
    .replace(/^\/\/.*$/gm, '')
  return before.trim() === ''
}

/** Groups of files of which each imports values of the next, and the last of the first (Tarjan's algorithm). */
function cyclesOf(imports: ReadonlyMap<string, readonly Import[]>): string[][] {
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const stack: string[] = []
  const cycles: string[][] = []
  const visit = (path: string): void => {
    order.set(path, order.size)
    lowest.set(path, order.get(path)!)
    stack.push(path)
    for (const { target, isOfTypes } of imports.get(path) ?? []) {
      if (target === undefined || isOfTypes || !imports.has(target)) continue
      if (!order.has(target)) visit(target)
      if (stack.includes(target)) lowest.set(path, Math.min(lowest.get(path)!, lowest.get(target)!))
    }
    if (lowest.get(path) !== order.get(path)) return
    const group = stack.splice(stack.indexOf(path))
    if (group.length > 1) cycles.push(group)
  }
  for (const path of imports.keys()) if (!order.has(path)) visit(path)
  return cycles
}

/** Folders at the top, and those of `src`. */
function foldersOf(files: Files): Set<string> {
  const folders = new Set<string>()
  for (const path of files.keys()) {
    const parts = path.split('/')
    if (parts.length > 1) folders.add(parts[0]!)
    if (parts[0] === 'src' && parts.length > 2) folders.add(`src/${parts[1]}`)
  }
  return folders
}

const isText = /\.(ts|js|mjs|json|md|ya?ml|java|xml|sh|properties)$|(^|\/)(run|LICENSE)$/
/** Made by tools, or none of ours. */
const ignored = new Set(['node_modules', 'dist', 'data', '.git', '.tap', '.cache', '.scratch'])

/** The project's own text files. */
export function readProject(root: string): Files {
  const files = new Map<string, string>()
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name)
      if (ignored.has(entry.name) || (path.startsWith('protocol-codecs/vectors/') && !path.endsWith('.ts')))
        continue
      if (entry.isDirectory()) walk(path)
      else if (entry.isFile() && isText.test(path)) files.set(path, readFileSync(join(root, path), 'utf8'))
    }
  }
  walk('')
  return files
}
