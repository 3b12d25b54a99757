/**
 * Entries of a dump as lines: for people in the words of kafka-dump-log, so that what is known about those lines, and
 * scripts that cut them up, hold here as well; and as JSON, an object a line, in which bytes that are not UTF-8 stand
 * in base64 under another name (`keyBase64`).
 */
import { isUtf8 } from 'node:buffer'
import { printable } from '../commands/output.ts'
import type { Decoded } from './decode-record.ts'
import type { DumpEntry, DumpedRecord } from './dump.ts'

export function entryAsText(entry: DumpEntry): string {
  switch (entry.type) {
    case 'file':
      return `Dumping ${printable(entry.path)} (${entry.size} bytes)`
    case 'batch': {
      const { isTransactional, isControl, timestampType, maxTimestamp, deleteHorizonMs } = entry
      const horizon = deleteHorizonMs === undefined ? '' : ` deleteHorizonMs: ${deleteHorizonMs}`
      return (
        `baseOffset: ${entry.baseOffset} lastOffset: ${entry.lastOffset} count: ${entry.recordCount} ` +
        `baseSequence: ${entry.baseSequence} lastSequence: ${entry.lastSequence} producerId: ${entry.producerId} ` +
        `producerEpoch: ${entry.producerEpoch} partitionLeaderEpoch: ${entry.partitionLeaderEpoch} ` +
        `isTransactional: ${isTransactional} isControl: ${isControl}${horizon} position: ${entry.position} ` +
        `${timestampType}: ${maxTimestamp} size: ${entry.size} magic: ${entry.magic} ` +
        `compresscodec: ${entry.compression} crc: ${entry.crc} isvalid: ${entry.isValid}`
      )
    }
    case 'record':
      return recordAsText(entry)
    case 'index':
      return `offset: ${entry.offset} position: ${entry.position}`
    case 'timeindex':
      return `timestamp: ${entry.timestamp} offset: ${entry.offset}`
    case 'txnindex':
      return (
        `producerId: ${entry.producerId} firstOffset: ${entry.firstOffset} lastOffset: ${entry.lastOffset} ` +
        `lastStableOffset: ${entry.lastStableOffset}`
      )
    case 'producer': {
      const { producerId, epoch, coordinatorEpoch, transactionFirstOffset, lastTimestampMs, batches } =
        entry.entry
      const last = batches.at(-1)
      const transaction = transactionFirstOffset < 0 ? 'none' : String(transactionFirstOffset)
      const batch =
        last === undefined
          ? ''
          : ` firstSequence: ${last.firstSequence} lastSequence: ${last.lastSequence} lastOffset: ${last.lastOffset} offsetDelta: ${last.offsetDelta}`
      return (
        `producerId: ${producerId} producerEpoch: ${epoch} coordinatorEpoch: ${coordinatorEpoch} ` +
        `currentTxnFirstOffset: ${transaction} lastTimestamp: ${lastTimestampMs}${batch}`
      )
    }
    case 'epoch':
      return `epoch: ${entry.epoch} startOffset: ${entry.startOffset}`
    case 'offset':
      return `partition: ${printable(entry.topic)}-${entry.partition} offset: ${entry.offset}`
    case 'property':
      return `${printable(entry.name)}: ${printable(entry.value)}`
    case 'problem':
      return `PROBLEM at ${entry.position} (${entry.size} bytes): ${entry.message}`
  }
}

function recordAsText(record: DumpedRecord): string {
  const { decoded, headers, key, offset, sequence, timestamp, timestampType, value } = record
  const keys = headers.map(header => printable(header.key)).join(',')
  const head =
    `| offset: ${offset} ${timestampType}: ${timestamp} keySize: ${key?.length ?? -1} ` +
    `valueSize: ${value?.length ?? -1} sequence: ${sequence} headerKeys: [${keys}]`
  if (decoded === undefined) {
    const shownKey = key === null ? '' : ` key: ${bytesAsText(key)}`
    return `${head}${shownKey} payload: ${value === null ? 'null' : bytesAsText(value)}`
  }
  const shownKey = decoded.key === undefined ? '' : ` key: ${asJson(decoded.key)}`
  const shownValue = decoded.value === undefined ? valueAsText(value) : asJson(decoded.value)
  return `${head}${shownKey} payload: ${shownValue}`
}

const valueAsText = (value: Buffer | null) => (value === null ? 'null' : bytesAsText(value))

function bytesAsText(bytes: Buffer): string {
  return isUtf8(bytes) ? printable(bytes.toString('utf8')) : `base64:${bytes.toString('base64')}`
}

/** With the file in each line, so that lines can be picked out. */
export function entryAsJson(entry: DumpEntry, file: string): string {
  switch (entry.type) {
    case 'file':
      return asJson({ ...entry, path: undefined, file })
    case 'record': {
      const { decoded, headers, key, type, value, ...where } = entry
      return asJson({
        type,
        file,
        ...where,
        ...named('key', key, decoded?.key),
        ...named('value', value, decoded?.value),
        headers: headers.map(header => ({ key: header.key, ...named('value', header.value) })),
      })
    }
    case 'producer': {
      const { batches, idleLastOffset: _, idleSinceMs: __, ...producer } = entry.entry
      return asJson({ type: entry.type, file, ...producer, lastBatch: batches.at(-1) ?? null })
    }
    default: {
      const { type, ...fields } = entry
      return asJson({ type, file, ...fields })
    }
  }
}

function named(name: string, bytes: Buffer | null, decoded?: Decoded): Record<string, unknown> {
  if (decoded !== undefined && decoded.problem === undefined && decoded.data !== undefined)
    return { [name]: decoded }
  if (bytes === null) return { [name]: null }
  const more = decoded === undefined ? {} : { [`${name}Type`]: decoded.type }
  const shown = isUtf8(bytes)
    ? { [name]: bytes.toString('utf8') }
    : { [`${name}Base64`]: bytes.toString('base64') }
  return { ...more, ...shown }
}

/** Numbers beyond 2^53 as text, bytes in base64. */
function asJson(value: unknown): string {
  return JSON.stringify(value, (_, field) => {
    if (typeof field === 'bigint') return Number.isSafeInteger(Number(field)) ? Number(field) : String(field)
    const isBytes = field?.type === 'Buffer' && Array.isArray(field.data)
    return isBytes ? Buffer.from(field.data).toString('base64') : field
  })
}
