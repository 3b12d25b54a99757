/**
 * Message sets of the formats before record batches (magic 0 and 1), as clients of those times send them in Produce
 * 0 to 2 and get them in Fetch 0 to 3. Apache Kafka 3.9 is the last to take them.
 *
 * A message is: offset int64, size int32, then of that size crc32 int32 of what follows, magic int8, attributes int8,
 * timestamp int64 (magic 1 only), key and value, each behind an int32 length that is -1 for null.
 */
import { named, type Scenario, scenario, send, until } from '../scenario.ts'
import { fetchFrom, fetchPartition, produceTo, recordTime, withRecords, withTopic } from './requests.ts'

interface OldMessage {
  readonly value: string | null
  readonly key?: string
  readonly offset?: number
  readonly attributes?: number
  readonly breaksChecksum?: boolean
}

function messageSet(magic: 0 | 1, ...messages: readonly OldMessage[]): Buffer {
  return Buffer.concat(messages.map((message, index) => encoded(magic, message, index)))
}

function encoded(magic: 0 | 1, message: OldMessage, index: number): Buffer {
  const { value, key, offset = index, attributes = 0, breaksChecksum = false } = message
  const head = Buffer.from([magic, attributes])
  const time = Buffer.alloc(magic === 1 ? 8 : 0)
  if (magic === 1) time.writeBigInt64BE(BigInt(recordTime))
  const body = Buffer.concat([head, time, sized(key ?? null), sized(value)])
  const frame = Buffer.alloc(16)
  frame.writeBigInt64BE(BigInt(offset), 0)
  frame.writeInt32BE(4 + body.length, 8)
  frame.writeUInt32BE((crc32(body) ^ (breaksChecksum ? 1 : 0)) >>> 0, 12)
  return Buffer.concat([frame, body])
}

function sized(text: string | null): Buffer {
  const bytes = Buffer.from(text ?? '')
  const size = Buffer.alloc(4)
  size.writeInt32BE(text === null ? -1 : bytes.length)
  return Buffer.concat([size, bytes])
}

function crc32(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

const old = { Produce: '0-2', Fetch: '0-3' } as const
/** The set in the format of the version: magic 0 up to 1, magic 1 from 2 on. */
const inFormat = (...messages: OldMessage[]) =>
  until(1, messageSet(0, ...messages), messageSet(1, ...messages))
const read = fetchFrom('t', [fetchPartition()], { replicaId: -1 })
const sent = (name: string, records: unknown, configs: Record<string, string> = {}): Scenario =>
  scenario(name, [withTopic('t', 1, configs), produceTo('t', records), read], old)

export const oldFormatScenarios: Scenario[] = [
  sent(
    'messages of an old client',
    inFormat({ value: 'one', key: 'k' }, { value: 'two' }, { value: null, key: 'k' }),
  ),
  sent('one message of an old client', inFormat({ value: 'one' })),
  sent(
    'messages with offsets of their own',
    inFormat({ value: 'one', offset: 7 }, { value: 'two', offset: 3 }),
  ),
  sent('a message with a wrong checksum', inFormat({ value: 'one', breaksChecksum: true })),
  sent('no messages', Buffer.alloc(0)),
  sent(
    'half a message',
    until(1, messageSet(0, { value: 'one' }), messageSet(1, { value: 'one' }).subarray(0, 20)),
  ),
  sent('messages for a topic that stamps them', inFormat({ value: 'one' }), {
    'message.timestamp.type': 'LogAppendTime',
  }),
  sent('messages without keys for a compacted topic', inFormat({ value: 'one' }), {
    'cleanup.policy': 'compact',
  }),
  sent('messages that say they are compressed', inFormat({ value: 'one', attributes: 1 })),
  sent('messages of an unknown compression', inFormat({ value: 'one', attributes: 7 })),
  scenario(
    'record batches for an old consumer',
    [
      withTopic('t', 2),
      ...withRecords('t', 3),
      read,
      fetchFrom('t', [fetchPartition({ fetchOffset: 2n })]),
      fetchFrom('t', [fetchPartition({ fetchOffset: 3n })]),
      fetchFrom('t', [fetchPartition({ fetchOffset: 4n })]),
      fetchFrom('t', [fetchPartition({ partitionMaxBytes: 40 })]),
      fetchFrom('t', [fetchPartition({ partition: 1 }), fetchPartition({ partition: 9 })]),
      send('Fetch', {
        maxWaitMs: 0,
        minBytes: 1,
        topics: [{ topic: named('none'), partitions: [fetchPartition()] }],
      }),
      send('Fetch', { maxWaitMs: 0, minBytes: 1, topics: [] }),
    ],
    { Fetch: '0-3' },
  ),
  scenario(
    'bad places for messages of old clients',
    [
      withTopic('t'),
      produceTo('none', inFormat({ value: 'one' })),
      produceTo('t', inFormat({ value: 'one' }), { index: 4 }),
      produceTo('t', inFormat({ value: 'one' }), { acks: 3 }),
      produceTo('t', inFormat({ value: 'one' }), { acks: 1 }),
      produceTo('t', inFormat({ value: 'one' }), { acks: 0, unanswered: true }),
      produceTo('none', inFormat({ value: 'one' }), { acks: 0, unanswered: true }),
      read,
    ],
    old,
  ),
]
