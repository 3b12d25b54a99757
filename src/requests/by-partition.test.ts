import t from 'tap'
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import { call, testServices } from '../testing/test-services.ts'
import { byPartition, type TopicShape } from './by-partition.ts'
import { deleteRecords } from './delete-records.ts'
import { fetch } from './fetch.ts'
import { produce } from './produce.ts'

interface Topic {
  readonly name: string
  readonly partitions: readonly (readonly [index: number, said: string])[]
}
const shape: TopicShape<Topic, Topic['partitions'][number]> = {
  topicOf: ({ name }) => name,
  partitionsOf: ({ partitions }) => partitions,
  indexOf: ([index]) => index,
  having: (topic, partitions) => ({ ...topic, partitions }),
}

t.test('a partition named twice counts once, where it came first, for what was said last', async t => {
  const topics: Topic[] = [
    {
      name: 'a',
      partitions: [
        [0, 'first'],
        [1, 'only'],
        [0, 'second'],
      ],
    },
    { name: 'b', partitions: [[0, 'other']] },
    { name: 'empty', partitions: [] },
    { name: 'a', partitions: [[0, 'third']] },
  ]
  t.same(byPartition(topics, shape), [
    {
      name: 'a',
      partitions: [
        [0, 'third'],
        [1, 'only'],
      ],
    },
    { name: 'b', partitions: [[0, 'other']] },
  ])
})

t.test('a request that names nothing twice is left alone', async t => {
  const topics: Topic[] = [
    {
      name: 'a',
      partitions: [
        [3, ''],
        [1, ''],
      ],
    },
    { name: 'b', partitions: [[1, '']] },
  ]
  t.equal(byPartition(topics, shape), topics)
})

t.test(
  'what a broker appends, reads and deletes for a partition named twice is what was said last',
  async t => {
    const services = await testServices()
    t.teardown(() => services.close())
    await services.createTopic('orders')
    const batchOf = (...values: string[]) =>
      buildBatch({ records: values.map(value => ({ value: Buffer.from(value) })), timestamp: 1 })
    const produced = await call(
      produce,
      9,
      {
        acks: 1,
        timeoutMs: 1_000,
        topicData: [
          { name: 'orders', partitionData: [{ index: 0, records: batchOf('lost') }] },
          { name: 'orders', partitionData: [{ index: 0, records: batchOf('a', 'b', 'c') }] },
        ],
      },
      services,
    )
    t.same(
      produced.responses.map(({ partitionResponses }) =>
        partitionResponses.map(({ baseOffset }) => baseOffset),
      ),
      [[0n]],
    )

    const wanted = (fetchOffset: bigint) => ({ partition: 0, fetchOffset, partitionMaxBytes: 1_000 })
    const fetched = await call(
      fetch,
      11,
      {
        maxWaitMs: 0,
        minBytes: 1,
        sessionEpoch: -1,
        topics: [{ topic: 'orders', topicId: zeroUuid, partitions: [wanted(77n), wanted(0n)] }],
        forgottenTopicsData: [],
      },
      services,
    )
    t.same(
      fetched.responses.map(({ partitions }) =>
        partitions.map(({ errorCode, highWatermark }) => [errorName(errorCode), highWatermark]),
      ),
      [[['NONE', 3n]]],
    )

    const partitions = [2n, 1n].map(offset => ({ partitionIndex: 0, offset }))
    const deleted = await call(
      deleteRecords,
      2,
      { topics: [{ name: 'orders', partitions }], timeoutMs: 1_000 },
      services,
    )
    t.same(
      deleted.topics.map(({ partitions }) => partitions.map(({ lowWatermark }) => lowWatermark)),
      [[1n]],
    )
  },
)
