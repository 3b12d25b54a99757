/**
 * Version ranges as Kafka's message definitions write them: `'3'`, `'2-9'`, `'4+'` (open end) and
 * `'none'`. The empty range is `[0, -1]`.
 */
export type VersionRange = string

/** The inclusive bounds of a range; an open end is Infinity. */
export function parseVersions(range: VersionRange): { first: number; last: number } {
  if (range === 'none') return { first: 0, last: -1 }
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(range)
  if (match === null) throw new Error(`not a version range: ${range}`)
  const first = Number(match[1])
  if (match[2] !== undefined) return { first, last: Number.POSITIVE_INFINITY }
  return { first, last: match[3] === undefined ? first : Number(match[3]) }
}

/** Whether `version` lies in `range`; an absent range holds every version. */
export function inVersions(range: VersionRange | undefined, version: number): boolean {
  if (range === undefined) return true
  const { first, last } = parseVersions(range)
  return version >= first && version <= last
}
