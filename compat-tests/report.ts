/**
 * How a run's results are shown: a line for each as it comes, the table of matrix.ts at the end, and a closing line
 * that continuous integration counts by. What clients have not is counted beside it: no machine could show it.
 */
import type { CapabilityResult } from './run-suite.ts'

export function progressLine(result: CapabilityResult): string {
  const told = result.reason ?? result.summary
  return `  ${result.outcome}  ${result.capability} (${result.durationMs} ms)${told === undefined ? '' : `: ${shorten(told, 140)}`}`
}

export function closingLines(results: CapabilityResult[]): string[] {
  const count = (outcome: CapabilityResult['outcome']) => results.filter(r => r.outcome === outcome).length
  return [
    ...(count('n/a') > 0 ? [`${count('n/a')} not in the client`] : []),
    `${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped`,
  ]
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}
