/**
 * The table client x area that a run of the matrix ends with, and the same one in the README, between two markers:
 *
 *     <!-- compat -->                                made by `npm run compat -- --readme`
 *     | client | produce | acks | ...                one row a client, one column an area
 *     | [kafkajs](compat-tests/kafkajs/FINDINGS.md) | ✓ 6 | ✗ 1 of 3 | skip 2 of 5 | n/a 1 of 2 | – |
 *
 *     - kafkajs, acks: ...                           why something failed, was skipped or is not in the client
 *     <!-- /compat -->
 *
 * A cell counts capabilities, so that a row says how much was asked. The README's table outlives runs: a run
 * replaces the rows and reasons of the clients that it ran, and keeps the others as they stand.
 */
import { groupBy } from '../scripts/statistics.ts'
import { textTable } from '../scripts/text-table.ts'
import { type Area, areas } from './area.ts'
import type { CapabilityResult } from './run-suite.ts'

export interface MatrixRow {
  client: string
  cells: ReadonlyMap<Area, string>
  /** A line for each reason why something was not shown. */
  reasons: readonly string[]
}

const opening = '<!-- compat -->'
const closing = '<!-- /compat -->'
const nothing = '–'
const longestReason = 160

/** A row for each client, in the order in which they come. */
export function matrixOf(results: readonly CapabilityResult[]): MatrixRow[] {
  return [...groupBy(results, ({ client }) => client)].map(([client, ofClient]) => ({
    client,
    cells: new Map([...groupBy(ofClient, ({ area }) => area)].map(([area, alike]) => [area, cellOf(alike)])),
    reasons: reasonsOf(client, ofClient),
  }))
}

function cellOf(results: readonly CapabilityResult[]): string {
  const count = (outcome: CapabilityResult['outcome']) => results.filter(r => r.outcome === outcome).length
  if (count('fail') > 0) return `✗ ${count('fail')} of ${results.length}`
  if (count('skip') > 0) return `skip ${count('skip')} of ${results.length}`
  if (count('n/a') > 0) return `n/a ${count('n/a')} of ${results.length}`
  return `✓ ${results.length}`
}

/** What a cell stands for: how many capabilities, and whether all of them were shown. */
export function readCell(cell: string): { total: number; isShown: boolean } {
  const [, mark, total] = /^(✓|✗ \d+ of|skip \d+ of|n\/a \d+ of) (\d+)$/.exec(cell) ?? []
  if (total === undefined) throw new Error(`'${cell}' is no cell of the table`)
  return { total: Number(total), isShown: mark === '✓' }
}

/** One line for all capabilities of a client that share a reason: mostly, that the client is not to be had here. */
function reasonsOf(client: string, results: readonly CapabilityResult[]): string[] {
  const notShown = results.filter(({ outcome }) => outcome !== 'pass')
  return [...groupBy(notShown, ({ outcome, reason }) => `${outcome} ${reason}`).values()].map(alike => {
    const [{ outcome, capability, area, reason = 'no reason' }] = alike as [CapabilityResult]
    const what = alike.length === 1 ? `${area}: ${capability}` : `${alike.length} capabilities`
    return `${client}, ${what}: ${outcome === 'fail' ? '✗' : outcome}: ${shorten(reason)}`
  })
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length <= longestReason ? line : `${line.slice(0, longestReason - 1)}…`
}

function areasIn(rows: readonly MatrixRow[]): Area[] {
  return areas.filter(area => rows.some(({ cells }) => cells.has(area)))
}

/** For a terminal. */
export function matrixAsText(rows: readonly MatrixRow[]): string {
  const columns = areasIn(rows)
  const table = textTable(
    ['client', ...columns],
    rows.map(({ client, cells }) => [client, ...columns.map(area => cells.get(area) ?? nothing)]),
  )
  const reasons = rows.flatMap(row => row.reasons)
  return reasons.length === 0 ? table : `${table}\n\n${reasons.join('\n')}`
}

function matrixAsMarkdown(rows: readonly MatrixRow[]): string {
  const columns = areasIn(rows)
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const reasons = rows.flatMap(row => row.reasons)
  return [
    line(['client', ...columns]),
    line(['---', ...columns.map(() => '---')]),
    ...rows.map(({ client, cells }) =>
      line([
        `[${client}](compat-tests/${client}/FINDINGS.md)`,
        ...columns.map(area => cells.get(area) ?? nothing),
      ]),
    ),
    ...(reasons.length === 0 ? [] : ['', ...reasons.map(reason => `- ${reason}`)]),
  ].join('\n')
}

/** The rows of the table that stands in a document. */
export function readMatrix(document: string): MatrixRow[] {
  const { table } = split(document)
  const lines = table.split('\n').filter(line => line.trim() !== '')
  const cellsOf = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim())
  const [heading = '', , ...rows] = lines.filter(line => line.startsWith('|'))
  const [, ...columns] = cellsOf(heading)
  const unknown = columns.find(column => !areas.includes(column as Area))
  if (unknown !== undefined) throw new Error(`the table has a column '${unknown}', which is no area`)
  return rows.map(row => {
    const [link = '', ...cells] = cellsOf(row)
    const client = /^\[(.+?)\]/.exec(link)?.[1] ?? link
    return {
      client,
      cells: new Map(
        columns
          .map((column, index): [Area, string] => [column as Area, cells[index] ?? nothing])
          .filter(([, cell]) => cell !== nothing),
      ),
      reasons: lines.filter(line => line.startsWith(`- ${client},`)).map(line => line.slice(2)),
    }
  })
}

/** The document with the rows of these clients replaced, and those of clients that are no more left out. */
export function withMatrix(document: string, rows: readonly MatrixRow[], clients: readonly string[]): string {
  const { before, after } = split(document)
  const known = new Map([...readMatrix(document), ...rows].map(row => [row.client, row]))
  const kept = clients.flatMap(client => known.get(client) ?? [])
  return `${before}${opening}\n${matrixAsMarkdown(kept)}\n${closing}${after}`
}

function split(document: string): { before: string; table: string; after: string } {
  const start = document.indexOf(opening)
  const end = document.indexOf(closing)
  if (start < 0 || end < start) throw new Error(`there is no ${opening} with a ${closing} behind it`)
  return {
    before: document.slice(0, start),
    table: document.slice(start + opening.length, end),
    after: document.slice(end + closing.length),
  }
}
