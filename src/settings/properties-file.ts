/**
 * The reader of Java's `.properties` format (java.util.Properties.load): `key=value`, `key: value` or `key value`;
 * `#` and `!` begin a comment line; a backslash at the end of a line continues it, without the blanks that begin the
 * next; `\t \n \r \f \uXXXX` are escapes and any other escaped character stands for itself. A key without a value
 * has the empty one. Unlike Java, which reads Latin-1, the text is taken as the caller decoded it (UTF-8).
 */
export interface Property {
  readonly key: string
  readonly value: string
  /** Where the property begins, counted from 1. */
  readonly line: number
}

export class PropertiesSyntaxError extends Error {
  readonly line: number

  constructor(message: string, line: number) {
    super(message)
    this.line = line
  }
}

const lineEnd = /\r\n|\r|\n/
const leadingBlanks = /^[ \t\f]+/
/** A key: escaped characters, or anything but a blank and the two separators. */
const keyPattern = /^(?:\\.|[^\\ \t\f=:])*/s
const separatorPattern = /^[ \t\f]*[=:]?[ \t\f]*/
const escapeNames: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

/** An odd number of backslashes at the end continues the line; an even one is escaped backslashes. */
function isContinued(line: string): boolean {
  const backslashes = /\\*$/.exec(line)?.[0].length ?? 0
  return backslashes % 2 === 1
}

function decodeEscapes(text: string, line: number): string {
  return text.replace(/\\(u[\s\S]{0,4}|[\s\S])/g, (_, escaped: string) => {
    if (!escaped.startsWith('u')) return escapeNames[escaped] ?? escaped
    const digits = escaped.slice(1)
    if (!/^[0-9A-Fa-f]{4}$/.test(digits)) {
      throw new PropertiesSyntaxError(
        `\\u must be followed by four hexadecimal digits, not '${digits}'`,
        line,
      )
    }
    return String.fromCharCode(Number.parseInt(digits, 16))
  })
}

export function parseProperties(text: string): Property[] {
  const properties: Property[] = []
  const lines = text.replace(/^\uFEFF/, '').split(lineEnd)
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1
    let logical = (lines[index] ?? '').replace(leadingBlanks, '')
    if (logical === '' || logical.startsWith('#') || logical.startsWith('!')) continue
    while (isContinued(logical)) {
      index++
      logical = logical.slice(0, -1) + (lines[index] ?? '').replace(leadingBlanks, '')
    }
    const key = keyPattern.exec(logical)?.[0] ?? ''
    const rest = logical.slice(key.length).replace(separatorPattern, '')
    properties.push({ key: decodeEscapes(key, line), value: decodeEscapes(rest, line), line })
  }
  return properties
}
