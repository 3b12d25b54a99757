/**
 * Tables for a terminal: columns as wide as their widest cell, numbers to the right, words to the left.
 */

export type Cell = string | number | undefined

/** Lays rows out below their headings; an undefined cell is printed as a dash. */
export function textTable(headings: string[], rows: Cell[][]): string {
  const texts = rows.map(row => row.map(cell => (cell === undefined ? '-' : String(cell))))
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...texts.map(row => row[column]?.length ?? 0)),
  )
  const isNumeric = headings.map((_, column) => texts.every(row => /^[-+\d<>]/.test(row[column] ?? '-')))
  const line = (cells: string[]) =>
    cells
      .map((text, column) =>
        isNumeric[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd()
  return [line(headings), widths.map(width => '-'.repeat(width)).join('  '), ...texts.map(line)].join('\n')
}

/** A number with about three significant digits, what a reader compares, and not more; a whole one is a count. */
export function readable(value: number | undefined): string | undefined {
  if (value === undefined || Number.isNaN(value)) return undefined
  const size = Math.abs(value)
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2
  return value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, size >= 1000 ? ' ' : '')
}
