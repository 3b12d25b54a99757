/**
 * Runs one client's capabilities one after the other against one broker. A test that fails, hangs or throws
 * where nobody is listening costs only itself: it is reported with its error, its notes and the end of the
 * broker's log, what it opened is closed, and the next one starts.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Area } from './area.ts'
import type { BrokerUnderTest } from './broker-under-test.ts'
import { areaOf, type Capability, Lacking, Skipped, type TestContext } from './capability.ts'

export interface CapabilityResult {
  client: string
  area: Area
  capability: string
  outcome: 'pass' | 'fail' | 'skip' | 'n/a'
  durationMs: number
  /** Why it was skipped, what the client has not, or the first line of the error. */
  reason?: string
  /** The error with its stack, the test's notes and the end of the broker's log. */
  details?: string
  /** What it has to say beyond its outcome. */
  summary?: string
}

const defaultTimeLimitMs = 30_000
const cleanUpLimitMs = 10_000
const notesKept = 40
const logLinesShown = 30
const linesOfAnError = 40

/** Sets names of one run apart from those of another against the same broker. */
const runId = Date.now().toString(36)
let namesGiven = 0

export async function runCapability(
  client: string,
  capability: Capability,
  broker: BrokerUnderTest,
  seed: number,
): Promise<CapabilityResult> {
  const notes: string[] = []
  const cleanUps: (() => unknown)[] = []
  const timeout = new AbortController()
  let summary: string | undefined
  const context: TestContext = {
    bootstrap: broker.bootstrap,
    broker: broker.kind,
    uniqueName: label => `${label}-${runId}-${++namesGiven}`,
    async temporaryDirectory() {
      const directory = await mkdtemp(join(tmpdir(), 'ottla-compat-test-'))
      cleanUps.push(() => rm(directory, { recursive: true, force: true }))
      return directory
    },
    cleanUp: action => cleanUps.push(action),
    note(line) {
      notes.push(line)
      if (notes.length > notesKept) notes.shift()
    },
    summarize(text) {
      summary = text
    },
    restartBroker: broker.restart,
    startBroker:
      broker.startAnother &&
      (async (settings, port) => {
        const another = await broker.startAnother!(settings, port)
        cleanUps.push(another.stop)
        return another
      }),
    seed,
    signal: timeout.signal,
  }
  const startedAt = performance.now()
  const result = (rest: Pick<CapabilityResult, 'outcome' | 'reason' | 'details'>): CapabilityResult => ({
    client,
    area: areaOf(capability),
    capability: capability.name,
    durationMs: Math.round(performance.now() - startedAt),
    summary,
    ...rest,
  })
  try {
    await withinLimits(capability, context, timeout)
    return result({ outcome: 'pass' })
  } catch (error) {
    if (error instanceof Skipped) return result({ outcome: 'skip', reason: error.message })
    if (error instanceof Lacking) return result({ outcome: 'n/a', reason: error.message })
    return result({
      outcome: 'fail',
      reason: firstLine(error),
      details: describeFailure(error, notes, broker.logTail()),
    })
  } finally {
    timeout.abort()
    for (const action of cleanUps.reverse()) await withinCleanUpLimit(action)
  }
}

async function withinLimits(
  capability: Capability,
  context: TestContext,
  timeout: AbortController,
): Promise<void> {
  const limitMs = capability.timeLimitMs ?? defaultTimeLimitMs
  let timer: NodeJS.Timeout | undefined
  let failStray: (error: unknown) => void = () => undefined
  const failing = new Promise<never>((_, reject) => {
    failStray = reject
    timer = setTimeout(() => {
      reject(new Error(`the test did not end within ${limitMs} ms`))
      timeout.abort()
    }, limitMs)
  })
  process.on('uncaughtException', failStray)
  try {
    await Promise.race([capability.test(context), failing])
  } finally {
    clearTimeout(timer)
    // A later stray error belongs to the test that runs then, or to nobody.
    process.off('uncaughtException', failStray)
    process.on('uncaughtException', ignoreStray)
    setImmediate(() => process.off('uncaughtException', ignoreStray))
  }
}

function ignoreStray(): void {}

async function withinCleanUpLimit(action: () => unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>(resolve => {
    timer = setTimeout(resolve, cleanUpLimitMs)
  })
  process.on('uncaughtException', ignoreStray)
  try {
    await Promise.race([(async () => await action())(), limit])
  } catch {
    // A client that cannot even be closed has failed its test already, or is none of the test's business.
  } finally {
    clearTimeout(timer)
    process.off('uncaughtException', ignoreStray)
  }
}

function describeFailure(error: unknown, notes: string[], logTail: string): string {
  const parts = [error instanceof Error ? (error.stack ?? error.message) : String(error)]
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error) parts.push(`caused by ${cause.stack ?? cause.message}`)
  const errors =
    error instanceof AggregateError ? error.errors : (error as { errors?: unknown[] } | null)?.errors
  for (const inner of errors ?? [])
    parts.push(`containing ${inner instanceof Error ? inner.stack : String(inner)}`)
  if (notes.length > 0) parts.push('notes of the test:', ...notes)
  parts.push("the end of the broker's log:", ...logTail.split('\n').slice(-logLinesShown))
  return parts.map(part => shorten(part)).join('\n')
}

/** A comparison of long lists is printed whole by node:assert; the first lines tell enough. */
function shorten(part: string): string {
  const lines = part.split('\n').map(line => (line.length > 200 ? `${line.slice(0, 199)}…` : line))
  if (lines.length <= linesOfAnError) return lines.join('\n')
  const stack = lines.findIndex(line => /^\s+at /.test(line))
  return [
    ...lines.slice(0, linesOfAnError / 2),
    '…',
    ...lines.slice(Math.max(stack, lines.length - linesOfAnError / 2)),
  ].join('\n')
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error)
  return message.split('\n').find(line => line.trim() !== '') ?? 'an error without words'
}
