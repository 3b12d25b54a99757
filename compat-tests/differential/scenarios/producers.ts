/** Idempotent producers: ids, epochs and sequences, in order and out of it. */
import { answerOf, batch, named, type Scenario, type Step, scenario, send, since } from '../scenario.ts'
import { fetchFrom, modern, produceTo, record, withTopic } from './requests.ts'

const producerId = answerOf('producer', 'producerId')
const init = (rest: Record<string, unknown> = {}) =>
  // biome-ignore lint/suspicious/noExplicitAny: values that may stand for others
  send('InitProducerId', { transactionalId: null, transactionTimeoutMs: 60_000, ...rest } as any)
const withProducer = send(
  'InitProducerId',
  { transactionalId: null, transactionTimeoutMs: 60_000 },
  { at: 1, as: 'producer' },
)

/** So many records from a sequence on. */
const sends = (baseSequence: number, count = 1, producerEpoch = 0, id: unknown = producerId): Step => {
  const records = Array.from({ length: count }, (_, index) => record(`${baseSequence + index}`))
  return produceTo('t', batch({ records, producerId: id, producerEpoch, baseSequence }))
}

const sequences = (name: string, ...steps: Step[]) =>
  scenario(name, [withTopic('t'), withProducer, ...steps, fetchFrom('t')], modern)

export const producerScenarios: Scenario[] = [
  scenario('producers get ids', [
    init(),
    init(),
    init({ transactionTimeoutMs: 0 }),
    init({ transactionTimeoutMs: -1 }),
    init({ transactionTimeoutMs: 2_147_483_647 }),
    init({ transactionalId: '' }),
    init({ producerId: since(3, 5n), producerEpoch: since(3, 2) }),
    init({ producerId: since(3, 5n) }),
    init({ producerEpoch: since(3, 2) }),
    init({ producerId: since(3, -7n), producerEpoch: since(3, -1) }),
  ]),
  sequences('sequences in order', sends(0), sends(1, 3), sends(4)),
  sequences('a repeated batch', sends(0), sends(1), sends(1), sends(0), sends(2)),
  sequences('a gap', sends(0), sends(2), sends(1)),
  sequences('a sequence that was before', sends(0, 2), sends(1, 1), sends(1, 2), sends(0, 1), sends(0, 3)),
  sequences(
    'batches repeated after five others',
    sends(0),
    sends(1),
    sends(2),
    sends(3),
    sends(4),
    sends(5),
    sends(0),
    sends(1),
    sends(5),
    sends(6),
  ),
  sequences('a start in the middle', sends(5), sends(6), sends(0)),
  sequences('the end of sequences', sends(2_147_483_646, 2), sends(0), sends(1)),
  sequences('the end of sequences within a batch', sends(2_147_483_646, 4), sends(2)),
  sequences('the last sequence and beyond', sends(2_147_483_647), sends(0)),
  sequences(
    'a newer epoch',
    sends(0),
    sends(0, 1, 1),
    sends(1, 1, 1),
    sends(1),
    sends(2, 1, 2),
    sends(0, 1, 3),
  ),
  sequences('an older epoch', sends(0, 1, 5), sends(0, 1, 4), sends(1, 1, 5), sends(0, 1, 5)),
  sequences(
    'a producer that nobody was told of',
    sends(0, 1, 0, 77_777_777),
    sends(1, 1, 0, 77_777_777),
    sends(7, 1, 0, 77_777_777),
  ),
  sequences('a negative producer id', sends(0, 1, 0, -2)),
  sequences('a negative epoch', sends(0, 1, -2)),
  sequences('a negative sequence', sends(-2)),
  scenario(
    'two producers, two partitions',
    [
      withTopic('t', 2),
      withProducer,
      send(
        'InitProducerId',
        { transactionalId: null, transactionTimeoutMs: 60_000 },
        { at: 1, as: 'second' },
      ),
      sends(0),
      sends(0, 1, 0, answerOf('second', 'producerId')),
      produceTo('t', batch({ records: [record('x')], producerId, producerEpoch: 0, baseSequence: 0 }), {
        index: 1,
      }),
      produceTo('t', batch({ records: [record('x')], producerId, producerEpoch: 0, baseSequence: 2 }), {
        index: 1,
      }),
      sends(1),
      fetchFrom('t'),
    ],
    modern,
  ),
  scenario(
    'repeats with acks of one and none',
    [
      withTopic('t'),
      withProducer,
      produceTo('t', batch({ records: [record('x')], producerId, producerEpoch: 0, baseSequence: 0 }), {
        acks: 0,
        unanswered: true,
      }),
      produceTo('t', batch({ records: [record('x')], producerId, producerEpoch: 0, baseSequence: 0 }), {
        acks: 1,
      }),
      produceTo('t', batch({ records: [record('x')], producerId, producerEpoch: 0, baseSequence: 4 }), {
        acks: 0,
        unanswered: true,
      }),
      fetchFrom('t'),
    ],
    modern,
  ),
]
void named
