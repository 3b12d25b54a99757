/** Fetch sessions: made, gone on with, changed and closed, in order and out of it. */
import { answerOf, type Scenario, type SendOptions, type Step, scenario, send } from '../scenario.ts'
import { fetchPartition, oneRecord, produceTo, topicOfRecords, withRecords, withTopic } from './requests.ts'

// biome-ignore lint/suspicious/noExplicitAny: values that may stand for others
type Any = any

const session = answerOf('session', 'sessionId')
function fetch(
  sessionId: Any,
  sessionEpoch: number,
  topics: Any[],
  rest: Record<string, unknown> = {},
  options: SendOptions = {},
): Step {
  return send(
    'Fetch',
    { maxWaitMs: 0, minBytes: 1, sessionId, sessionEpoch, topics, ...rest } as Any,
    options,
  )
}
const of = (label: string, ...partitions: Any[]) => ({ ...topicOfRecords('topic', label), partitions })
const forget = (label: string, ...partitions: number[]) => ({
  forgottenTopicsData: [{ ...topicOfRecords('topic', label), partitions }],
})
const begin = fetch(
  0,
  0,
  [of('t', fetchPartition(), fetchPartition({ partition: 1 }))],
  {},
  { as: 'session' },
)
const atEnd = of('t', fetchPartition({ fetchOffset: 1n }))

const inSession = (name: string, ...steps: Step[]): Scenario =>
  scenario(name, [withTopic('t', 3), ...withRecords('t', 1), begin, ...steps], { Fetch: '7+' })

export const fetchSessionScenarios: Scenario[] = [
  inSession(
    'a session goes on',
    fetch(session, 1, []),
    fetch(session, 2, [atEnd]),
    fetch(session, 3, []),
    produceTo('t', oneRecord(), { at: 7 }),
    fetch(session, 4, []),
    fetch(session, 5, [of('t', fetchPartition({ fetchOffset: 2n }))]),
    produceTo('t', oneRecord(), { at: 7, index: 1, as: 'elsewhere' }),
    fetch(session, 6, []),
    fetch(session, 7, [of('t', fetchPartition({ partition: 2 }))]),
    fetch(session, 8, []),
    fetch(session, 9, [], forget('t', 1)),
    fetch(session, 10, []),
    fetch(session, 11, [], forget('t', 0, 2)),
    fetch(session, 12, []),
  ),
  inSession(
    'wrong epochs',
    fetch(session, 2, []),
    fetch(session, 1, []),
    fetch(session, 1, []),
    fetch(session, 7, []),
    fetch(session, 2, []),
  ),
  inSession(
    'a session that is not there',
    fetch(123_456, 1, []),
    fetch(123_456, 5, []),
    fetch(-5, 1, []),
    fetch(0, 1, []),
    fetch(0, 5, []),
    fetch(123_456, -1, [atEnd]),
    fetch(123_456, 0, [atEnd], {}, { as: 'new' }),
  ),
  inSession('a session is closed', fetch(session, -1, []), fetch(session, 1, [])),
  inSession(
    'a session is closed while something is read',
    fetch(session, -1, [atEnd, of('t', fetchPartition({ partition: 1 }))]),
    fetch(session, 1, []),
  ),
  inSession(
    'a session is begun anew',
    fetch(session, 0, [atEnd], {}, { as: 'anew' }),
    fetch(session, 1, []),
    fetch(answerOf('anew', 'sessionId'), 1, []),
  ),
  inSession('negative epochs', fetch(session, -2, []), fetch(session, 1, [])),
  inSession(
    'forgetting what is not there',
    fetch(session, 1, [], forget('t', 2)),
    fetch(session, 2, [], forget('none', 0)),
    fetch(session, 3, []),
  ),
  inSession(
    'errors in a session',
    fetch(session, 1, [of('t', fetchPartition({ fetchOffset: 9n }))]),
    fetch(session, 2, []),
    fetch(session, 3, [of('t', fetchPartition({ fetchOffset: 1n }))]),
    fetch(session, 4, []),
    fetch(session, 5, [of('t', fetchPartition({ partition: 8 }))]),
    fetch(session, 6, []),
  ),
  inSession(
    'an unknown topic in a session',
    fetch(
      session,
      1,
      [{ topic: undefined, topicId: 'c29tZSBvdGhlciBpZCEhIQ', partitions: [fetchPartition()] } as Any],
      {},
      { versions: '13+' },
    ),
    fetch(session, 2, [], {}, { versions: '13+' }),
  ),
  inSession(
    'the session of an older version',
    fetch(session, 1, [], {}, { at: 11, as: 'older' }),
    fetch(session, 1, [], {}, { at: 15, as: 'newer' }),
    fetch(session, 2, []),
  ),
  inSession(
    'limits in a session',
    fetch(session, 1, [of('t', fetchPartition({ partitionMaxBytes: 1 }))]),
    fetch(session, 2, [], { maxBytes: 1 }),
    fetch(session, 3, [of('t', fetchPartition({ fetchOffset: 1n }))], { minBytes: 100, maxWaitMs: 10 }),
  ),
  scenario(
    'no session',
    [
      withTopic('t'),
      fetch(0, -1, [of('t', fetchPartition())]),
      fetch(0, 0, [], {}, { as: 'of nothing' }),
      fetch(answerOf('of nothing', 'sessionId'), 1, []),
      fetch(0, 0, [], forget('t', 0)),
      fetch(0, -1, [], forget('t', 0)),
    ],
    { Fetch: '7+' },
  ),
]
