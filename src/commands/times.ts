/**
 * Durations and moments as people write them at a prompt: `500ms`, `10s`, `5m`, `2h`, `7d` or ISO 8601's `PT1H30M`;
 * `2026-03-01T12:00:00Z`, milliseconds since 1970, or a duration for that long ago. A moment without a zone is UTC, as
 * Kafka's tools take it.
 */
import { InvalidArgumentError } from 'commander'

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const isoDuration = /^P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/

function durationMs(text: string): number | undefined {
  const [, count, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? []
  if (count !== undefined) return Math.round(Number(count) * unitMs[unit!]!)
  const match = isoDuration.exec(text)
  if (match === null || text === 'P') return undefined
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map(part => Number(part ?? 0))
  return Math.round(days * unitMs.d! + hours * unitMs.h! + minutes * unitMs.m! + seconds * unitMs.s!)
}

export function parseDurationMs(text: string): number {
  const ms = durationMs(text)
  if (ms !== undefined) return ms
  throw new InvalidArgumentError(
    'A duration is a number with ms, s, m, h or d, such as 500ms or 10s, or PT1H30M.',
  )
}

export function parseMomentMs(text: string): number {
  if (/^\d{5,}$/.test(text)) return Number(text)
  const agoMs = durationMs(text)
  if (agoMs !== undefined) return Date.now() - agoMs
  const hasTime = /T\d/.test(text)
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(text)
  const ms = Date.parse(hasTime && !hasZone ? `${text}Z` : text)
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(ms)) return ms
  throw new InvalidArgumentError(
    'A moment is like 2026-03-01T12:00:00Z, milliseconds since 1970, or 10m for so long ago.',
  )
}

export function showMoment(ms: number): string {
  // Beyond what a Date can hold; timestamps are whatever producers say.
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}
