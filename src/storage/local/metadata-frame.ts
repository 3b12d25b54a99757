/**
 * Records of `__cluster_metadata` to and from the value of a log record (KIP-631): unsigned varint 1
 * (the frame's version), unsigned varint record type, unsigned varint version, then the message.
 */
import { codecFor } from '../../../protocol-codecs/compile-codec.ts'
import {
  configRecord,
  featureLevelRecord,
  partitionChangeRecord,
  partitionRecord,
  producerIdsRecord,
  removeTopicRecord,
  topicRecord,
} from '../../../protocol-codecs/internal-topics/metadata-records.ts'
import type { Infer, InferInput, Message } from '../../../protocol-codecs/schema.ts'
import { DecodeError, WireReader } from '../../../protocol-codecs/wire-reader.ts'
import { WireWriter } from '../../../protocol-codecs/wire-writer.ts'

const frameVersion = 1

export type MetadataRecord =
  | { readonly type: 'TopicRecord'; readonly value: Infer<typeof topicRecord> }
  | { readonly type: 'PartitionRecord'; readonly value: Infer<typeof partitionRecord> }
  | { readonly type: 'PartitionChangeRecord'; readonly value: Infer<typeof partitionChangeRecord> }
  | { readonly type: 'RemoveTopicRecord'; readonly value: Infer<typeof removeTopicRecord> }
  | { readonly type: 'ConfigRecord'; readonly value: Infer<typeof configRecord> }
  | { readonly type: 'ProducerIdsRecord'; readonly value: Infer<typeof producerIdsRecord> }
  | { readonly type: 'FeatureLevelRecord'; readonly value: Infer<typeof featureLevelRecord> }

const described: readonly Message[] = [
  topicRecord,
  partitionRecord,
  partitionChangeRecord,
  removeTopicRecord,
  configRecord,
  producerIdsRecord,
  featureLevelRecord,
]
const byType = new Map(described.map(message => [message.apiKey!, message]))

export function encodeMetadata<M extends Message>(message: M, version: number, value: InferInput<M>): Buffer {
  const writer = new WireWriter(256)
  writer.unsignedVarint(frameVersion)
  writer.unsignedVarint(message.apiKey!)
  writer.unsignedVarint(version)
  codecFor(message, version).encode(writer, value)
  return writer.toBuffer()
}

/** undefined for a record of a type that Ottla does not keep. */
export function decodeMetadata(bytes: Buffer): MetadataRecord | undefined {
  const reader = new WireReader(bytes)
  const frame = reader.unsignedVarint()
  if (frame !== frameVersion) throw new DecodeError(`metadata record has frame version ${frame}`)
  const message = byType.get(reader.unsignedVarint())
  const version = reader.unsignedVarint()
  if (message === undefined) return undefined
  return { type: message.name, value: codecFor(message, version).decode(reader) } as MetadataRecord
}
