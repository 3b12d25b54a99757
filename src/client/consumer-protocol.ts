/**
 * What consumers tell each other through JoinGroup and SyncGroup (protocol type "consumer"): an int16 version and a
 * message. Every version begins like version 0, so what is newer than we know is read as far as we know it.
 */
import { codecFor, encodeMessage } from '../../protocol-codecs/compile-codec.ts'
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from '../../protocol-codecs/messages/consumer-protocol.ts'
import type { Infer } from '../../protocol-codecs/schema.ts'
import { DecodeError, WireReader } from '../../protocol-codecs/wire-reader.ts'
import { byTopic, comparePartitions, type TopicPartition } from './topic-partitions.ts'

export const consumerProtocolType = 'consumer'
const versionBytes = 2
const newestSubscription = 3
/** The version with the partitions that a member holds, which is all that we have to tell. */
const ourSubscription = 1
const ourAssignment = 0

export function encodeSubscription(topics: readonly string[], owned: readonly TopicPartition[]): Buffer {
  const ownedPartitions = byTopic(owned).map(({ topic, items }) => ({
    topic,
    partitions: items.map(({ partition }) => partition),
  }))
  const value = { topics: [...topics].sort(), userData: null, ownedPartitions }
  return withVersion(ourSubscription, encodeMessage(consumerProtocolSubscription, ourSubscription, value))
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Buffer {
  const assignedPartitions = byTopic(partitions).map(({ topic, items }) => ({
    topic,
    partitions: items.map(({ partition }) => partition),
  }))
  const value = { assignedPartitions, userData: null }
  return withVersion(ourAssignment, encodeMessage(consumerProtocolAssignment, ourAssignment, value))
}

/** undefined: not a subscription; another kind of client, or a member that has not joined in full. */
export function decodeSubscription(bytes: Buffer): Infer<typeof consumerProtocolSubscription> | undefined {
  return decoded(bytes, (version, reader) =>
    codecFor(consumerProtocolSubscription, Math.min(version, newestSubscription)).decode(reader),
  )
}

/** Sorted; undefined as above. No bytes at all are no partitions. */
export function decodeAssignment(bytes: Buffer): TopicPartition[] | undefined {
  if (bytes.length === 0) return []
  return decoded(bytes, (_version, reader) =>
    codecFor(consumerProtocolAssignment, 0)
      .decode(reader)
      .assignedPartitions.flatMap(({ topic, partitions }) =>
        partitions.map(partition => ({ topic, partition })),
      )
      .sort(comparePartitions),
  )
}

function decoded<T>(bytes: Buffer, decode: (version: number, reader: WireReader) => T): T | undefined {
  if (bytes.length < versionBytes) return undefined
  const version = bytes.readInt16BE(0)
  if (version < 0) return undefined
  try {
    return decode(version, new WireReader(bytes.subarray(versionBytes)))
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

function withVersion(version: number, message: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(versionBytes + message.length)
  bytes.writeInt16BE(version)
  message.copy(bytes, versionBytes)
  return bytes
}
