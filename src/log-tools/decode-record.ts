/**
 * Records of the broker's own logs, decoded for people: those of `__consumer_offsets`, of `__cluster_metadata` and of
 * the journal, and control records of any log. What we have no description for comes as its type's number and its
 * bytes, so that nothing is hidden.
 */
import { codecFor } from '../../protocol-codecs/compile-codec.ts'
import { endTxnMarker, leaderChangeMessage } from '../../protocol-codecs/internal-topics/control-records.ts'
import {
  groupMetadataKey,
  groupMetadataValue,
  legacyOffsetCommitKey,
  legacyOffsetCommitValue,
  offsetCommitKey,
  offsetCommitValue,
} from '../../protocol-codecs/internal-topics/group-records.ts'
import { batchesIn, batchLastOffset, readBatchHeader } from '../../protocol-codecs/record-batch.ts'
import type { Message } from '../../protocol-codecs/schema.ts'
import { inVersions } from '../../protocol-codecs/versions.ts'
import { WireReader } from '../../protocol-codecs/wire-reader.ts'
import { decodeMetadata } from '../storage/local/metadata-frame.ts'
import type { RecordsKind } from './data-files.ts'

/** A key or a value. */
export interface Decoded {
  readonly type: string
  readonly version?: number
  /** undefined: not described here, or not decodable. */
  readonly data?: unknown
  readonly problem?: string
}

export interface DecodedRecord {
  readonly key: Decoded | undefined
  readonly value: Decoded | undefined
}

interface RawRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** undefined: a client's record, which is what its producer says it is. */
export function decodeRecord(
  kind: RecordsKind,
  isControl: boolean,
  record: RawRecord,
): DecodedRecord | undefined {
  if (isControl) return decodeControl(record)
  switch (kind) {
    case 'group':
      return decodeGroup(record)
    case 'metadata':
      return {
        key: undefined,
        value: record.value === null ? undefined : attempt('', () => metadata(record.value!)),
      }
    case 'journal':
      return decodeJournal(record)
    case 'client':
      return undefined
  }
}

function attempt(type: string, decode: () => Decoded): Decoded {
  try {
    return decode()
  } catch (error) {
    // Whatever the bytes are, and in whichever version of a record that we may not know yet.
    return { type, problem: (error as Error).message }
  }
}

/** By key type: the descriptions of key and value. */
const groupRecords: ReadonlyMap<number, readonly [key: Message, value: Message]> = new Map([
  [legacyOffsetCommitKey.apiKey!, [legacyOffsetCommitKey, legacyOffsetCommitValue] as const],
  [offsetCommitKey.apiKey!, [offsetCommitKey, offsetCommitValue] as const],
  [groupMetadataKey.apiKey!, [groupMetadataKey, groupMetadataValue] as const],
])

function decodeGroup({ key, value }: RawRecord): DecodedRecord {
  if (key === null || key.length < 2)
    return { key: { type: 'none', problem: 'it has no key' }, value: undefined }
  const type = key.readInt16BE(0)
  const [keyMessage, valueMessage] = groupRecords.get(type) ?? []
  if (keyMessage === undefined || valueMessage === undefined) {
    return { key: { type: `record type ${type}` }, value: undefined }
  }
  return {
    key: attempt(keyMessage.name, () => {
      const reader = new WireReader(key, 2)
      return { type: keyMessage.name, data: codecFor(keyMessage, 0).decode(reader) }
    }),
    value: value === null ? undefined : attempt(valueMessage.name, () => versioned(valueMessage, value)),
  }
}

function versioned(message: Message, bytes: Buffer): Decoded {
  const reader = new WireReader(bytes)
  const version = reader.int16()
  if (!inVersions(message.versions, version)) return { type: message.name, version }
  return { type: message.name, version, data: codecFor(message, version).decode(reader) }
}

function metadata(bytes: Buffer): Decoded {
  const reader = new WireReader(bytes)
  reader.unsignedVarint()
  const apiKey = reader.unsignedVarint()
  const version = reader.unsignedVarint()
  const record = decodeMetadata(bytes)
  if (record === undefined) return { type: `record type ${apiKey}`, version }
  return { type: record.type, version, data: record.value }
}

function decodeJournal({ key, value }: RawRecord): DecodedRecord {
  const [topicId, partition] = String(key).split(':')
  return {
    key: { type: 'partition', data: { topicId, partition: Number(partition) } },
    value: attempt('batches', () => ({
      type: 'batches',
      data: [...batchesIn(value ?? Buffer.alloc(0))].map(at => {
        const { baseOffset, recordCount, size } = readBatchHeader(value!, at)
        return { baseOffset, lastOffset: batchLastOffset(value!, at), count: recordCount, size }
      }),
    })),
  }
}

const controlTypes = [
  'ABORT',
  'COMMIT',
  'LEADER_CHANGE',
  'SNAPSHOT_HEADER',
  'SNAPSHOT_FOOTER',
  'KRAFT_VERSION',
  'KRAFT_VOTERS',
]
const controlMessages: ReadonlyMap<string, Message> = new Map<string, Message>([
  ['ABORT', endTxnMarker],
  ['COMMIT', endTxnMarker],
  ['LEADER_CHANGE', leaderChangeMessage],
])

/** A control record's key is int16 version, int16 type. */
function decodeControl({ key, value }: RawRecord): DecodedRecord {
  if (key === null || key.length < 4) {
    return { key: { type: 'control', problem: 'it has no type' }, value: undefined }
  }
  const number = key.readInt16BE(2)
  const type = controlTypes[number] ?? `control type ${number}`
  const message = controlMessages.get(type)
  const isDescribed = message !== undefined && value !== null
  return {
    key: { type, version: key.readInt16BE(0) },
    value: isDescribed ? attempt(message.name, () => versionedControl(message, value)) : undefined,
  }
}

/** A marker's version is a field in front of the message; a leader change has it as the message's first field. */
function versionedControl(message: Message, value: Buffer): Decoded {
  if (message === endTxnMarker) return versioned(message, value)
  const version = Math.min(value.readInt16BE(0), 1)
  return { type: message.name, version, data: codecFor(message, version).decode(new WireReader(value)) }
}
