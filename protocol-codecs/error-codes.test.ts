import t from 'tap'
import { errorCodes, errorName, isRetriable, ProtocolError } from './error-codes.ts'

t.test('every code has one name, and names lead back to codes', async t => {
  const codes = Object.values(errorCodes)
  t.equal(codes.length, 138)
  t.equal(new Set(codes).size, codes.length)
  for (const [name, code] of Object.entries(errorCodes)) t.equal(errorName(code), name)
  t.equal(errorName(31_000), 'UNKNOWN_SERVER_ERROR', 'as does a code from the future')
})

t.test('clients retry what passes by itself and nothing else', async t => {
  for (const name of ['NOT_LEADER_OR_FOLLOWER', 'COORDINATOR_NOT_AVAILABLE', 'CORRUPT_MESSAGE'] as const) {
    t.equal(isRetriable(name), true, name)
  }
  for (const name of ['NONE', 'MESSAGE_TOO_LARGE', 'INVALID_RECORD', 'PRODUCER_FENCED'] as const) {
    t.equal(isRetriable(name), false, name)
  }
})

t.test('a protocol error carries its name, its code and a sentence', async t => {
  const error = new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', 'no topic orders')
  t.match(error, { name: 'UNKNOWN_TOPIC_OR_PARTITION', code: 3, message: 'no topic orders' })
  t.ok(error instanceof Error)
  t.equal(new ProtocolError('NONE').message, 'NONE')
})
