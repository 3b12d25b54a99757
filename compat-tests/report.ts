/**
 * How a run's results are shown: a line for each as it comes, one table at the end, a closing line that
 * continuous integration counts by, and the same as JSON for whoever compares runs.
 */
import { textTable } from '../scripts/text-table.ts'
import type { CapabilityResult } from './run-suite.ts'

export function progressLine(result: CapabilityResult): string {
  const reason = result.reason === undefined ? '' : `: ${shorten(result.reason, 140)}`
  return `  ${result.outcome}  ${result.capability} (${result.durationMs} ms)${reason}`
}

export function summary(results: CapabilityResult[]): string {
  const rows = results.map(({ client, capability, outcome, durationMs, reason }) => [
    client,
    capability,
    outcome,
    outcome === 'skip' ? undefined : `${durationMs} ms`,
    reason === undefined ? '' : shorten(reason, 100),
  ])
  return textTable(['client', 'capability', 'result', 'time', 'reason'], rows)
}

export function closingLine(results: CapabilityResult[]): string {
  const count = (outcome: CapabilityResult['outcome']) => results.filter(r => r.outcome === outcome).length
  return `${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped`
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}
