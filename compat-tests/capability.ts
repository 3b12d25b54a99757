/**
 * What a compatibility suite consists of. A suite is a module `compat-tests/<client>/suite.ts` that exports
 * `capabilities`, a list of named things that the client's users rely on, each with the test that shows it, and
 * may export `prepare`, which brings the client here (a package, a Debian tool) or throws a `Skipped`.
 *
 * A test gets everything from its context and shares nothing with other tests but the broker: names of topics
 * and groups come from `uniqueName`, so the same broker can be tested any number of times. What a test opens it
 * hands to `cleanUp`, which runs even when the test fails or runs out of time.
 */
import type { Area } from './area.ts'
import type { BrokerChoice, BrokerUnderTest } from './broker-under-test.ts'

/** Thrown to say that something cannot be tried here, and why; counted, never silently passed over. */
export class Skipped extends Error {
  override name = 'Skipped'
}

/** Thrown to say that the client has no such thing, on no machine; told with its reason, and no skip. */
export class Lacking extends Error {
  override name = 'Lacking'
}

export interface TestContext {
  /** `host:port` of the broker under test. */
  bootstrap: string
  /** Which broker that is; of an external one nobody knows. */
  broker: BrokerChoice['kind']
  /** A name for a topic or group that no other test and no earlier run has used. */
  uniqueName(label: string): string
  /** Makes a fresh directory, removed when the test ends. */
  temporaryDirectory(): Promise<string>
  /** Runs when the test ends, however it ends; last registered first. */
  cleanUp(action: () => unknown): void
  /** Keeps a line, such as one of the client's log, to be printed if the test fails. */
  note(line: string): void
  /** What the test has to say beyond that it passed: numbers, in few words. */
  summarize(text: string): void
  /** Kills the broker with SIGKILL, starts it again on the same data and port, resolves when it is ready. */
  restartBroker: (() => Promise<void>) | null
  /** Starts another broker like the one under test, with settings and a port of its own, until the test ends. */
  startBroker: ((settings: Record<string, string>, port?: number) => Promise<BrokerUnderTest>) | null
  /** For what is random in a test; the same one repeats it. */
  seed: number
  /** Aborted when the test runs out of time. */
  signal: AbortSignal
}

export interface Capability {
  /** What a user gets, in words that end the sentence "with this client one ...". */
  name: string
  /** The column of the table that it counts in; "other" until it is given one. */
  area?: Area
  /**
   * Whether continuous integration tries it. Unless told, it tries the first capability of each area of each client
   * (selection.ts): true adds another one, false keeps out what takes long or adds little.
   */
  ci?: boolean
  /** Half a minute unless told otherwise. */
  timeLimitMs?: number
  test(context: TestContext): Promise<void>
}

export interface Suite {
  capabilities: Capability[]
  prepare?: () => Promise<void>
  /** Of the broker that it is tested against, beside those that all suites have. */
  settings?: Record<string, string>
  /** Runs when all capabilities were tried: stops what `prepare` or they have started, prints what sums up. */
  finish?: () => Promise<void>
}

export function areaOf({ area = 'other' }: Capability): Area {
  return area
}

/** The same capabilities, all of one area except those that name one themselves. */
export function inArea<C extends object = Capability>(area: Area, capabilities: readonly C[]): C[] {
  return capabilities.map(capability => ({ area, ...capability }))
}

/** The same capabilities, all of them tried by continuous integration except those that say otherwise. */
export function allInCi(capabilities: Capability[]): Capability[] {
  return capabilities.map(capability => ({ ci: true, ...capability }))
}

/** Fails over to a counted skip where the broker is not ours to kill. */
export function requireRestart(context: TestContext): () => Promise<void> {
  if (context.restartBroker === null)
    throw new Skipped('the broker was not started by this run, so it cannot be killed')
  return context.restartBroker
}

/** The same where a broker beside it is not ours to start. */
export function requireStart(context: TestContext): NonNullable<TestContext['startBroker']> {
  if (context.startBroker === null)
    throw new Skipped('the broker was not started by this run, so it has no other beside it')
  return context.startBroker
}
