/**
 * The records of `__consumer_offsets` as the state machine speaks of them, and their bytes. Kafka's
 * formats: a key is an int16 record type and its fields, a value an int16 version and its fields.
 * Written are the versions that Kafka 4.4 writes (group metadata 3; offset commit 4, or 1 when the
 * client set an expiry), read is every version that our descriptions know. Record types of other
 * kinds of groups are skipped.
 */
import { codecFor } from '../../protocol-codecs/compile-codec.ts'
import {
  groupMetadataKey,
  groupMetadataValue,
  legacyOffsetCommitKey,
  offsetCommitKey,
  offsetCommitValue,
} from '../../protocol-codecs/internal-topics/group-records.ts'
import { type Infer, zeroUuid } from '../../protocol-codecs/schema.ts'
import { inVersions } from '../../protocol-codecs/versions.ts'
import { WireReader } from '../../protocol-codecs/wire-reader.ts'
import { WireWriter } from '../../protocol-codecs/wire-writer.ts'
import type { EncodedRecord } from '../coordination/state-machine.ts'

/** A committed offset. Nobody calculates with it here, so it keeps whatever 64 bits the client sent. */
export interface CommittedOffset {
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
  readonly commitTimestampMs: number
  /** When an old client's own retention ends; -1: the broker's rules hold. */
  readonly expireTimestampMs: number
  /** Zeros when the record was written without one. */
  readonly topicId: string
}

export type GroupMetadata = Infer<typeof groupMetadataValue>

export type GroupRecord =
  | { readonly type: 'group'; readonly groupId: string; readonly value: GroupMetadata | null }
  | {
      readonly type: 'offset'
      readonly groupId: string
      readonly topic: string
      readonly partition: number
      readonly value: CommittedOffset | null
    }

const groupValueVersion = 3
const offsetValueVersion = 4
/** The last version with an expiry of its own. */
const expiringOffsetValueVersion = 1

export function encodeGroupRecords(records: readonly GroupRecord[]): EncodedRecord[] {
  const writer = new WireWriter(4096)
  return records.map(record => ({ key: encodeKey(writer, record), value: encodeValue(writer, record) }))
}

function encodeKey(writer: WireWriter, record: GroupRecord): Buffer {
  if (record.type === 'group') {
    writer.int16(groupMetadataKey.apiKey!)
    codecFor(groupMetadataKey, 0).encode(writer, { group: record.groupId })
  } else {
    writer.int16(offsetCommitKey.apiKey!)
    const { groupId: group, topic, partition } = record
    codecFor(offsetCommitKey, 0).encode(writer, { group, topic, partition })
  }
  return writer.toBuffer()
}

function encodeValue(writer: WireWriter, record: GroupRecord): Buffer | null {
  if (record.value === null) return null
  if (record.type === 'group') {
    writer.int16(groupValueVersion)
    codecFor(groupMetadataValue, groupValueVersion).encode(writer, record.value)
  } else {
    const { offset, leaderEpoch, metadata, commitTimestampMs, expireTimestampMs, topicId } = record.value
    const version = expireTimestampMs === -1 ? offsetValueVersion : expiringOffsetValueVersion
    writer.int16(version)
    codecFor(offsetCommitValue, version).encode(writer, {
      offset,
      leaderEpoch,
      metadata,
      commitTimestamp: BigInt(commitTimestampMs),
      expireTimestamp: BigInt(expireTimestampMs),
      topicId,
    })
  }
  return writer.toBuffer()
}

/** undefined: a record of another kind, or of a version that only a later broker understands. Throws DecodeError. */
export function decodeGroupRecord(key: Buffer, value: Buffer | null): GroupRecord | undefined {
  const reader = new WireReader(key)
  const type = reader.int16()
  if (type === groupMetadataKey.apiKey) {
    const { group: groupId } = codecFor(groupMetadataKey, 0).decode(reader)
    if (value === null) return { type: 'group', groupId, value }
    const fields = new WireReader(value)
    const version = fields.int16()
    if (!inVersions(groupMetadataValue.versions, version)) return undefined
    return { type: 'group', groupId, value: codecFor(groupMetadataValue, version).decode(fields) }
  }
  if (type !== offsetCommitKey.apiKey && type !== legacyOffsetCommitKey.apiKey) return undefined
  const { group: groupId, topic, partition } = codecFor(offsetCommitKey, 0).decode(reader)
  if (value === null) return { type: 'offset', groupId, topic, partition, value }
  const fields = new WireReader(value)
  const version = fields.int16()
  if (!inVersions(offsetCommitValue.versions, version)) return undefined
  const decoded = codecFor(offsetCommitValue, version).decode(fields)
  return {
    type: 'offset',
    groupId,
    topic,
    partition,
    value: {
      offset: decoded.offset,
      leaderEpoch: decoded.leaderEpoch,
      metadata: decoded.metadata,
      commitTimestampMs: Number(decoded.commitTimestamp),
      expireTimestampMs: Number(decoded.expireTimestamp),
      topicId: decoded.topicId ?? zeroUuid,
    },
  }
}
