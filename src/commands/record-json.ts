/**
 * A record as one line of JSON, written by `ottla consume --json` and read by `ottla produce --input json`:
 *
 *   {"topic":"orders","partition":0,"offset":42,"timestamp":1767225600000,"timestampType":"CreateTime",
 *    "key":"customer-7","value":"...","headers":[{"key":"trace","value":"abc"}]}
 *
 * Bytes that are not UTF-8 stand in base64 under another name: `keyBase64`, `valueBase64`. When reading, a value that
 * is not a string is the JSON text of it, headers may be an object, and what says where the record was is ignored but
 * for `partition` and `timestamp`.
 */
import { isUtf8 } from 'node:buffer'
import type { RecordToBuild } from '../../protocol-codecs/build-batch.ts'
import { noTimestamp } from '../../protocol-codecs/record-batch.ts'
import type { ReadRecord } from '../client/record-reader.ts'

export function recordAsJson(record: ReadRecord): string {
  const { topic, partition, offset, timestamp, timestampType } = record
  return JSON.stringify({
    topic,
    partition,
    offset,
    timestamp,
    timestampType,
    ...named('key', record.key),
    ...named('value', record.value),
    headers: record.headers.map(({ key, value }) => ({ key, ...named('value', value) })),
  })
}

function named(name: string, bytes: Buffer | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  return isUtf8(bytes) ? { [name]: bytes.toString('utf8') } : { [`${name}Base64`]: bytes.toString('base64') }
}

export interface JsonRecord extends RecordToBuild {
  readonly partition: number | undefined
}

/** Its message says what is wrong with the line. */
export class RecordJsonError extends Error {
  override readonly name = 'RecordJsonError'
}

export function recordFromJson(line: string): JsonRecord {
  const object = parseObject(line)
  const { partition, timestamp, headers } = object
  if (partition !== undefined && !isCount(partition))
    throw new RecordJsonError('its partition is not a number')
  const hasTime = timestamp !== undefined && timestamp !== noTimestamp
  if (hasTime && !isCount(timestamp)) throw new RecordJsonError('its timestamp is not a number')
  if (!('value' in object) && !('valueBase64' in object)) throw new RecordJsonError('it has no value')
  return {
    key: bytesOf(object, 'key'),
    value: bytesOf(object, 'value'),
    headers: headersOf(headers),
    partition,
    timestamp: hasTime ? timestamp : undefined,
  }
}

function parseObject(line: string): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (error) {
    throw new RecordJsonError(`it is not JSON (${(error as Error).message})`)
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
    return parsed as Record<string, unknown>
  }
  throw new RecordJsonError('it is not an object')
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function bytesOf(object: Record<string, unknown>, name: string): Buffer | null {
  const base64 = object[`${name}Base64`]
  if (base64 !== undefined) {
    if (typeof base64 === 'string') return Buffer.from(base64, 'base64')
    throw new RecordJsonError(`its ${name}Base64 is not a string`)
  }
  const value = object[name]
  if (value === undefined || value === null) return null
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}

function headersOf(headers: unknown): { key: string; value: Buffer | null }[] {
  if (headers === undefined || headers === null) return []
  if (typeof headers !== 'object') throw new RecordJsonError('its headers are neither a list nor an object')
  if (!Array.isArray(headers)) {
    return Object.keys(headers).map(key => ({ key, value: bytesOf(headers as Record<string, unknown>, key) }))
  }
  return headers.map(header => {
    const key = header?.key
    if (typeof key !== 'string') throw new RecordJsonError('one of its headers has no key')
    return { key, value: bytesOf(header, 'value') }
  })
}
