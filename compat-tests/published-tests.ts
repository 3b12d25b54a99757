/**
 * A client's own published tests, run against the broker under test and held against a reviewed list of what does
 * not pass. The list lies in the client's folder, with a reason for every entry; whatever is not on it has to pass.
 * So the list cannot grow old in silence: a test that fails without being on it, one on it that passes or is no
 * longer there, and a run in which suspiciously few tests pass all fail the capability.
 *
 * Nothing here knows how a client's tests are run: whoever runs them says which there were and how each ended.
 */
import type { TestContext } from './capability.ts'

type Broker = TestContext['broker']

/** How one test ended. */
export interface TestOutcome {
  name: string
  outcome: 'pass' | 'fail' | 'skip'
  /** What it printed. */
  details?: string
}

/** A test that does not pass, or several of them. */
export interface NotPassing {
  /** Its name, or how the names of several begin, with a `*` behind that. */
  test: string
  /** What is seen of it; what is left out is not run, because it would wait for ever or spoil others. */
  outcome: 'fail' | 'skip' | 'left out'
  /** A sentence. */
  reason: string
  /** The one broker that this is said of; without it, of both. */
  against?: 'ottla' | 'apache-kafka'
  /** It passes sometimes, with either broker: the reason says what that hangs on. */
  mayPass?: true
}

export interface PublishedTests {
  notPassing: readonly NotPassing[]
  /** What a run has to show at least, or it has shown nothing; a few less than there are, unless none ever varies. */
  passAtLeast: Readonly<Record<'ottla' | 'apache-kafka', number>>
}

export interface TestRun {
  outcomes: readonly TestOutcome[]
  /** The names of all tests that there are, run or not: with them an entry for what is left out grows old, too. */
  known?: readonly string[]
  /** The file that holds all that was printed. */
  outputFile?: string
}

export interface Verdict {
  /** Whatever is not as the list has it, in words, with what the test printed last. */
  differences: { what: string; details?: string }[]
  /** How many of what, for who reads the table. */
  summary: string
}

const linesOfATest = 15
const testsTold = 8

/** The entries for what is not to be run. */
export function leftOut({ notPassing }: PublishedTests, broker: Broker): NotPassing[] {
  return notPassing.filter(entry => entry.outcome === 'left out' && isSaidOf(entry, broker))
}

/** Fails when the run is not as the list has it; else tells the numbers. */
export function holdAgainstList(context: TestContext, published: PublishedTests, run: TestRun): void {
  const { differences, summary } = judge(published, run, context.broker)
  context.summarize(summary)
  if (differences.length === 0) return
  const told = differences.filter(({ details }) => details !== undefined).slice(0, testsTold)
  throw new AggregateError(
    told.map(({ what, details }) => withoutStack(`${what}, it printed last:\n${tail(details!)}`)),
    [
      `${differences.length} not as listed: ${differences[0]!.what}${differences.length === 1 ? '' : ', ...'}`,
      ...differences.slice(1).map(({ what }) => what),
      summary,
      ...(run.outputFile === undefined ? [] : [`all that was printed: ${run.outputFile}`]),
    ].join('\n'),
  )
}

export function judge(published: PublishedTests, run: TestRun, broker: Broker): Verdict {
  const entries = published.notPassing.filter(entry => isSaidOf(entry, broker))
  const seen = new Set<NotPassing>()
  const differences: Verdict['differences'] = []
  let passed = 0
  let listed = 0
  for (const { name, outcome, details } of run.outcomes) {
    const meant = entries.filter(entry => isMeant(name, entry))
    for (const entry of meant) seen.add(entry)
    const entry = strongest(meant)
    if (outcome === 'pass') passed++
    if (entry === undefined) {
      if (outcome !== 'pass') differences.push({ what: `${name} ${inThePast[outcome]}`, details })
      continue
    }
    if (outcome === 'pass' && mayPass(entry, broker)) continue
    if (outcome === entry.outcome) listed++
    else differences.push({ what: `${name} ${inThePast[outcome]}, listed is: ${entry.outcome}`, details })
  }
  for (const entry of entries) {
    const isThere =
      entry.outcome === 'left out'
        ? run.known === undefined || run.known.some(name => isMeant(name, entry) || isPartOf(entry, name))
        : seen.has(entry)
    if (!isThere) differences.push({ what: `${entry.test} is listed and was not seen` })
  }
  const least = leastToPass(published, broker)
  if (passed < least) differences.push({ what: `only ${passed} passed, at least ${least} do` })
  const leftOutCount = entries.filter(({ outcome }) => outcome === 'left out').length
  const leftOutText = leftOutCount === 0 ? '' : `, ${leftOutCount} left out`
  return {
    differences,
    summary: `${passed} of ${run.outcomes.length} passed, ${listed} did not for listed reasons${leftOutText}`,
  }
}

const inThePast = { pass: 'passed', fail: 'failed', skip: 'was skipped' } as const

/** Of a broker that nobody knows, an entry for one of them may hold. */
function isSaidOf({ against }: NotPassing, broker: Broker): boolean {
  return against === undefined || broker === 'external' || against === broker
}

function mayPass(entry: NotPassing, broker: Broker): boolean {
  return entry.mayPass === true || (broker === 'external' && entry.against !== undefined)
}

/** The one that says most: an exact name before beginnings, a long beginning before a short one. */
function strongest(entries: readonly NotPassing[]): NotPassing | undefined {
  const weight = ({ test }: NotPassing) => (test.endsWith('*') ? test.length - 1 : Number.POSITIVE_INFINITY)
  return entries.toSorted((left, right) => weight(right) - weight(left))[0]
}

/** Whether an entry is about the test of that name. */
export function isMeant(name: string, { test }: NotPassing): boolean {
  return test.endsWith('*') ? name.startsWith(test.slice(0, -1)) : name === test
}

/** Lists of tests often have whole tests only; a part of one is known when the whole is. */
function isPartOf({ test }: NotPassing, whole: string): boolean {
  return test.startsWith(`${whole}/`)
}

function leastToPass({ passAtLeast }: PublishedTests, broker: Broker): number {
  return broker === 'external' ? Math.min(...Object.values(passAtLeast)) : passAtLeast[broker]
}

function tail(text: string): string {
  return text.trimEnd().split('\n').slice(-linesOfATest).join('\n')
}

function withoutStack(message: string): Error {
  const error = new Error(message)
  error.stack = message
  return error
}
