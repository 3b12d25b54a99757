/**
 * A record as one line for people:
 *
 *     2026-03-01T12:00:00.000Z  orders-0@42  customer-7  {"amount":3}  trace=abc
 *
 * that is time, partition and offset, key, value and headers. Null is `null`; bytes that are not UTF-8 are in base64;
 * control characters are written as in JSON, so that a record stays on its line and cannot command the terminal.
 */
import { isUtf8 } from 'node:buffer'
import type { ReadRecord } from '../client/record-reader.ts'
import { printable } from './output.ts'
import { showMoment } from './times.ts'

export function recordAsText({
  timestamp,
  topic,
  partition,
  offset,
  key,
  value,
  headers,
}: ReadRecord): string {
  const columns = [
    timestamp < 0 ? '-' : showMoment(timestamp),
    `${topic}-${partition}@${offset}`,
    textOf(key),
    textOf(value),
    ...headers.map(({ key, value }) => `${printable(key)}=${textOf(value)}`),
  ]
  return columns.join('  ')
}

function textOf(bytes: Buffer | null): string {
  if (bytes === null) return 'null'
  return isUtf8(bytes) ? printable(bytes.toString('utf8')) : `base64:${bytes.toString('base64')}`
}
