/**
 * Reads Prometheus' text format, version 0.0.4, as its documentation describes it and as strictly as a scraper that
 * wants to be sure: a line that is neither comment nor sample, a family that is not in one piece or described twice, a
 * sample that does not suit its family's type, a series that comes twice - each throws.
 */

interface Family {
  readonly name: string
  type: string | undefined
}

const commentPattern = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/
const samplePattern = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)$/
const labelPattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y
const types = new Set(['counter', 'gauge', 'summary', 'histogram', 'untyped'])

/** Every sample's value by its series: the name with the labels as they stand. */
export function parseExposition(text: string): Map<string, number> {
  if (!text.endsWith('\n')) throw new Error('the last line is not ended')
  const series = new Map<string, number>()
  const seen = new Set<string>()
  let family: Family = { name: '', type: undefined }
  const begin = (name: string): void => {
    if (name === family.name) return
    if (seen.has(name)) throw new Error(`the family ${name} is not in one piece`)
    seen.add(name)
    family = { name, type: undefined }
  }
  for (const line of text.split('\n')) {
    if (line === '') continue
    const comment = commentPattern.exec(line)
    if (comment !== null) {
      const [, kind, name = '', rest = ''] = comment
      begin(name)
      if (kind === 'TYPE') {
        if (family.type !== undefined || !types.has(rest)) throw new Error(`a second or no type: ${line}`)
        family.type = rest
      }
      continue
    }
    const sample = samplePattern.exec(line)
    if (sample === null) throw new Error(`neither comment nor sample: ${line}`)
    const [, name = '', labels = '', value = ''] = sample
    const labelNames = labelNamesOf(labels.slice(1, -1), line)
    if (!suits(family, name, labelNames)) throw new Error(`no sample of ${family.name}: ${line}`)
    const key = name + labels
    if (series.has(key)) throw new Error(`twice: ${line}`)
    series.set(key, numberOf(value, line))
  }
  return series
}

function labelNamesOf(labels: string, line: string): Set<string> {
  const names = new Set<string>()
  labelPattern.lastIndex = 0
  while (labelPattern.lastIndex < labels.length) {
    const match = labelPattern.exec(labels)
    if (match === null || names.has(match[1]!)) throw new Error(`labels cannot be read: ${line}`)
    names.add(match[1]!)
  }
  return names
}

function suits({ name, type }: Family, sample: string, labelNames: ReadonlySet<string>): boolean {
  const suffix = sample.slice(name.length)
  if (!sample.startsWith(name)) return false
  switch (type) {
    case 'summary':
      return suffix === '' ? labelNames.has('quantile') : suffix === '_count' || suffix === '_sum'
    case 'histogram':
      return suffix === '_bucket' ? labelNames.has('le') : suffix === '_count' || suffix === '_sum'
    default:
      return suffix === '' && type !== undefined
  }
}

function numberOf(text: string, line: string): number {
  if (/^[+-]?inf$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (/^nan$/i.test(text)) return Number.NaN
  const value = Number(text)
  if (text === '' || Number.isNaN(value)) throw new Error(`no number: ${line}`)
  return value
}
