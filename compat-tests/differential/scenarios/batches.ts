/** Batches of every kind that a broker takes, changes or refuses. */
import { attributeBit, batchField, updateBatchCrc } from '../../../protocol-codecs/record-batch.ts'
import { batch, made, type Scenario, scenario } from '../scenario.ts'
import { fetchFrom, modern, oneRecord, produceTo, record, recordTime, withTopic } from './requests.ts'

const minute = 60_000

/** A batch with bytes of its header changed behind its back, and a checksum that holds again if wanted. */
const altered = (change: (bytes: Buffer) => void, mendsChecksum = true) =>
  made(batch({ records: [record('one'), record('two')] }), (bytes: Buffer) => {
    change(bytes)
    if (mendsChecksum) updateBatchCrc(bytes, 0)
    return bytes
  })
const twice = (records: unknown) => made(records, (bytes: Buffer) => Buffer.concat([bytes, bytes]))

/** One batch goes to a topic, and what is in it is read. */
const appended = (name: string, records: unknown, configs: Record<string, string> = {}): Scenario =>
  scenario(name, [withTopic('t', 1, configs), produceTo('t', records), fetchFrom('t')], modern)

const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export const batchScenarios: Scenario[] = [
  ...compressions.map(compression =>
    appended(
      `a batch compressed with ${compression}`,
      batch({ compression, records: [record('one'), record('two')] }),
    ),
  ),
  ...compressions.map(compression =>
    appended(
      `a batch compressed with ${compression} for a topic of gzip`,
      batch({ compression, records: [record('one'), record('two')] }),
      { 'compression.type': 'gzip' },
    ),
  ),
  ...compressions.map(compression =>
    appended(
      `a batch compressed with ${compression} for an uncompressed topic`,
      batch({ compression, records: [record('one'), record('two')] }),
      { 'compression.type': 'uncompressed' },
    ),
  ),
  appended('a topic that stamps records', batch({ records: [record('one'), record('two')] }), {
    'message.timestamp.type': 'LogAppendTime',
  }),
  appended(
    'a compressed batch for a topic that stamps records',
    batch({ compression: 'gzip', records: [record('one')] }),
    { 'message.timestamp.type': 'LogAppendTime' },
  ),
  appended(
    'a batch that says it was stamped',
    batch({ timestampType: 'LogAppendTime', maxTimestamp: recordTime, records: [record('one')] }),
  ),
  appended('a record without a time', batch({ records: [record('one', { timestamp: -1 })] })),
  appended(
    'a record of long ago',
    batch({ records: [record('one', { timestamp: recordTime - 1000 * minute })] }),
  ),
  appended(
    'a record of the far future',
    batch({ records: [record('one', { timestamp: recordTime + 1000 * minute })] }),
  ),
  appended(
    'a record too old for the topic',
    batch({ records: [record('one', { timestamp: recordTime - 1000 * minute })] }),
    { 'message.timestamp.before.max.ms': String(minute) },
  ),
  appended(
    'a batch with one record too late',
    batch({
      records: [
        record('one'),
        record('two', { timestamp: recordTime + 1000 * minute }),
        record('three', { timestamp: recordTime + 2000 * minute }),
      ],
    }),
  ),
  appended('a batch larger than the topic takes', batch({ records: [record('x'.repeat(2000))] }), {
    'max.message.bytes': '1000',
  }),
  appended(
    'a compressed batch larger than the topic takes',
    batch({ compression: 'gzip', records: [record('x'.repeat(2000))] }),
    { 'max.message.bytes': '1000' },
  ),
  appended(
    'a batch that decompressing makes too large',
    batch({ compression: 'gzip', records: [record('x'.repeat(2000))] }),
    { 'max.message.bytes': '1000', 'compression.type': 'uncompressed' },
  ),
  appended('records without keys for a compacted topic', batch({ records: [record('one')] }), {
    'cleanup.policy': 'compact',
  }),
  appended(
    'a record without a key behind one with a key for a compacted topic',
    batch({ records: [record('one', { key: Buffer.from('k') }), record('two')] }),
    { 'cleanup.policy': 'compact,delete' },
  ),
  appended('a batch without records', batch({ records: [] })),
  appended('a null batch', null),
  appended('an empty batch', Buffer.alloc(0)),
  appended('two batches', twice(oneRecord())),
  appended(
    'half a batch',
    made(oneRecord(), (bytes: Buffer) => bytes.subarray(0, bytes.length - 3)),
  ),
  appended(
    'the header of a batch',
    made(oneRecord(), (bytes: Buffer) => bytes.subarray(0, 61)),
  ),
  appended('a few bytes', Buffer.from('0102030405', 'hex')),
  appended(
    'a batch and a few bytes',
    made(oneRecord(), (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([1, 2, 3])])),
  ),
  appended(
    'a batch with a wrong checksum',
    altered(bytes => {
      bytes[bytes.length - 1]! ^= 1
    }, false),
  ),
  appended(
    'a batch of magic 3',
    altered(bytes => bytes.writeInt8(3, batchField.magic)),
  ),
  appended(
    'a batch of magic 1',
    altered(bytes => bytes.writeInt8(1, batchField.magic)),
  ),
  appended(
    'a batch with a base offset',
    altered(bytes => bytes.writeBigInt64BE(7n, 0)),
  ),
  appended(
    'a batch with a leader epoch',
    altered(bytes => bytes.writeInt32BE(7, 12)),
  ),
  appended(
    'a batch that counts a record too many',
    altered(bytes => bytes.writeInt32BE(3, 57)),
  ),
  appended(
    'a batch that counts a record too few',
    altered(bytes => bytes.writeInt32BE(1, 57)),
  ),
  appended(
    'a batch that counts none',
    altered(bytes => bytes.writeInt32BE(0, 57)),
  ),
  appended(
    'a batch that counts less than none',
    altered(bytes => bytes.writeInt32BE(-1, 57)),
  ),
  appended(
    'a batch with a last offset that its count does not have',
    altered(bytes => bytes.writeInt32BE(5, 23)),
  ),
  appended(
    'a batch that counts and ends beyond its records',
    altered(bytes => {
      bytes.writeInt32BE(5, 57)
      bytes.writeInt32BE(4, 23)
    }),
  ),
  appended(
    'a batch of an unknown compression',
    altered(bytes => bytes.writeInt16BE(7, 21)),
  ),
  appended(
    'a batch that is not compressed as it says',
    altered(bytes => bytes.writeInt16BE(1, 21)),
  ),
  appended(
    'a control batch',
    altered(bytes => bytes.writeInt16BE(attributeBit.control, 21)),
  ),
  appended(
    'a transactional batch without a transaction',
    altered(bytes => bytes.writeInt16BE(0x10, 21)),
  ),
  appended(
    'a batch with a wrong maximum time',
    altered(bytes => bytes.writeBigInt64BE(BigInt(recordTime + 5), 35)),
  ),
  appended(
    'a record with offsets out of order',
    batch({
      records: [record('a', { offsetDelta: 1 }), record('b', { offsetDelta: 0 })],
      lastOffsetDelta: 1,
    }),
  ),
  appended(
    'a record that lies about its length',
    altered(bytes => {
      bytes[61]! += 2
    }),
  ),
  appended(
    'a producer id without a sequence',
    batch({ records: [record('one')], producerId: 5, producerEpoch: 0, baseSequence: -1 }),
  ),
  appended(
    'a producer id without an epoch',
    batch({ records: [record('one')], producerId: 5, producerEpoch: -1, baseSequence: 0 }),
  ),
  appended(
    'a sequence without a producer',
    batch({ records: [record('one')], producerId: -1, producerEpoch: -1, baseSequence: 3 }),
  ),
]
