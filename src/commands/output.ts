/**
 * What commands print. Results go to stdout, with as little ahead of the reader as the stream allows; remarks go to
 * stderr. A reader that has seen enough (`ottla consume orders | head`) closes the pipe: that ends the command, as a
 * success, by an `OutputClosed` from the next `print`.
 */

export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
  /** The system's code: EPIPE when the reader went away. */
  readonly code: string

  constructor({ code, message }: NodeJS.ErrnoException) {
    super(message)
    this.code = code ?? ''
  }
}

let failure: OutputClosed | undefined
let isWatched = false

/** Without a listener a closed pipe would be an unforeseen error of the process. */
function watchOutput(): void {
  if (isWatched) return
  isWatched = true
  process.stdout.on('error', error => {
    failure ??= new OutputClosed(error)
  })
  process.stderr.on('error', () => undefined)
}

/** Writes text as it is; resolves when the stream has room for more. */
export async function print(text: string | Uint8Array): Promise<void> {
  watchOutput()
  if (failure !== undefined) throw failure
  if (text.length === 0) return
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(text, error => (error ? reject(new OutputClosed(error)) : resolve()))
  })
}

export async function printLine(text: string): Promise<void> {
  await print(`${text}\n`)
}

export async function printJson(value: unknown): Promise<void> {
  await printLine(JSON.stringify(value, undefined, 2))
}

/** For people; a program that reads our output does not see it. */
export function remark(sentence: string): void {
  watchOutput()
  process.stderr.write(`ottla: ${sentence}\n`)
}

export type Cell = string | number | undefined

/** Rows below their headings: numbers to the right, words to the left; undefined is a dash. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map(row => row.map(cell => (cell === undefined ? '-' : printable(String(cell)))))
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...texts.map(row => row[column]!.length)),
  )
  const isNumeric = headings.map((_, column) =>
    rows.every(row => row[column] === undefined || typeof row[column] === 'number'),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((text, column) =>
        isNumeric[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd()
  return [headings, ...texts].map(line).join('\n')
}

/** Facts one below the other, with their names as wide as the widest. */
export function facts(rows: readonly (readonly [name: string, value: Cell])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows
    .map(([name, value]) => `${name.padEnd(width)}  ${value === undefined ? '-' : printable(String(value))}`)
    .join('\n')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const controlCharacters = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/** Text of unknown origin on one line and without commands to the terminal: control characters as JSON has them. */
export function printable(text: string): string {
  return text.replace(controlCharacters, character => {
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character]
    return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

const sizeUnits = ['B', 'KB', 'MB', 'GB', 'TB', 'PB']

/** `1.5 MB`: units of 1000, three digits. */
export function readableSize(bytes: number | undefined): string | undefined {
  if (bytes === undefined) return undefined
  let value = bytes
  let unit = 0
  for (; value >= 999.5 && unit < sizeUnits.length - 1; unit++) value /= 1000
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${sizeUnits[unit]}`
}
