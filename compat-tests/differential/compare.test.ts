import t from 'tap'
import { logAppendTimeBit, messageSize, writeMessage } from '../../protocol-codecs/message-sets/message.ts'
import { compareTranscripts } from './compare.ts'
import { exceptions } from './exceptions.ts'
import type { PlayedStep } from './play.ts'

const answered = (label: string, value: unknown): PlayedStep => ({
  label,
  api: 'DescribeGroups',
  version: 1,
  outcome: { kind: 'answer', value },
})
const differences = (kafka: PlayedStep[], ottla: PlayedStep[]) =>
  compareTranscripts(kafka, ottla, exceptions, 'r1').differences.map(({ path, kafka, ottla }) => [
    path,
    kafka,
    ottla,
  ])

t.test('error codes, nulls and order are compared', async t => {
  const one = (value: unknown) => [answered('a', value)]
  t.same(differences(one({ errorCode: 3 }), one({ errorCode: 0 })), [
    ['.errorCode', 'UNKNOWN_TOPIC_OR_PARTITION', 'NONE'],
  ])
  t.same(differences(one({ list: null }), one({ list: [] })), [['.list', 'null', '[]']])
  t.same(differences(one({ errorMessage: null }), one({ errorMessage: 'no' })), [
    ['.errorMessage', 'null', '"<words>"'],
  ])
  const named = (...names: string[]) => one({ topics: names.map(name => ({ name: `r1-${name}` })) })
  t.same(differences(named('a', 'b'), named('b', 'a')), [
    ['.topics.order', '["\\"a\\"","\\"b\\""]', '["\\"b\\"","\\"a\\""]'],
  ])
  t.same(differences(named('a', 'b'), named('b')), [['.topics.contents', '["\\"a\\""]', '[]']])
})

t.test('an id may be another, but must stay the same', async t => {
  const ids = (...values: string[]) => values.map((topicId, index) => answered(String(index), { topicId }))
  t.same(differences(ids('x', 'y', 'x'), ids('p', 'q', 'p')), [])
  t.same(differences(ids('x', 'y', 'x'), ids('p', 'q', 'q')), [
    ['.topicId', '"<topicId 1>"', '"<topicId 2>"'],
  ])
  t.same(differences(ids(''), ids('p')), [['.topicId', '""', '"<topicId 1>"']], 'and none is none')
})

t.test('a step that one of them did not answer is a difference', async t => {
  const closed: PlayedStep = { ...answered('a', {}), outcome: { kind: 'closed' } }
  t.same(differences([answered('a', {})], [closed]), [['', '"answer"', '"closed"']])
  t.same(differences([], [closed]), [['', '"not sent"', '"closed"']])
})

t.test(
  'messages are compared without what a set is filled up with, and without the times of a broker',
  async t => {
    const set = (timestamp: number, attributes: number, filling = '') => {
      const message = {
        offset: 5,
        magic: 1 as const,
        attributes,
        timestamp,
        key: null,
        value: Buffer.from('v'),
      }
      const bytes = Buffer.alloc(messageSize(1, null, message.value))
      writeMessage(bytes, 0, message)
      return [answered('a', { records: Buffer.concat([bytes, Buffer.from(filling, 'hex')]) })]
    }
    t.same(differences(set(1, 0, 'ffffffff'), set(1, 0)), [])
    t.same(differences(set(1, 0, `${'ff'.repeat(8)}7fff`), set(1, 0)), [])
    t.same(differences(set(1, logAppendTimeBit), set(2, logAppendTimeBit)), [])
    t.same(differences(set(1, 0), set(2, 0)), [['.records.0.timestamp', '1', '2']])
    t.same(differences(set(1, 0, '00'), set(1, 0)), [['.records.length', '2', '1']])
  },
)

t.test('what cannot be read as batches is compared byte by byte', async t => {
  const records = (hex: string) => [answered('a', { records: Buffer.from(hex, 'hex') })]
  t.same(differences(records('0102'), records('0103')), [['.records.0', '"0102"', '"0103"']])
  t.same(differences(records(''), records('')), [])
})
