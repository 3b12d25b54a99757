/** The client against scripted brokers: what happens when a broker or a cluster misbehaves. Happy paths are in
 * `commands.test.ts` and, on Apache Kafka too, in `compat-tests/ottla-commands`. */
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import t, { type Test } from 'tap'
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { fetchRequest, fetchResponse } from '../../protocol-codecs/messages/fetch.ts'
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from '../../protocol-codecs/messages/find-coordinator.ts'
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from '../../protocol-codecs/messages/init-producer-id.ts'
import { listOffsetsRequest, listOffsetsResponse } from '../../protocol-codecs/messages/list-offsets.ts'
import { metadataRequest, metadataResponse } from '../../protocol-codecs/messages/metadata.ts'
import { offsetFetchRequest, offsetFetchResponse } from '../../protocol-codecs/messages/offset-fetch.ts'
import { produceRequest, produceResponse } from '../../protocol-codecs/messages/produce.ts'
import { batchBaseSequence, batchRecordCount } from '../../protocol-codecs/record-batch.ts'
import { api, type ScriptedApi, type ScriptedBroker, scriptedBroker } from '../testing/scripted-broker.ts'
import { type Address, parseBootstrapServers, showAddress } from './addresses.ts'
import { ClientError, type ClientFailure } from './client-error.ts'
import { ClusterClient } from './cluster-client.ts'
import { Connection } from './connection.ts'
import { committedOffsets } from './group-offsets.ts'
import { earliestTimestamp, offsetsAt } from './partition-offsets.ts'
import { RecordProducer } from './record-producer.ts'
import { RecordReader } from './record-reader.ts'
import { topicsByName } from './topic-metadata.ts'
import { FrameCutter } from './wire-frames.ts'

const options = { clientId: 'test', softwareVersion: '1', timeoutMs: 2000 }

function clientOf(t: Test, bootstrap: readonly Address[], timeoutMs = 2000): ClusterClient {
  const client = new ClusterClient({ bootstrap, softwareVersion: '1', timeoutMs })
  t.teardown(() => client.close())
  return client
}

/** Fails with this kind of failure; gives the sentence. */
async function failure(t: Test, promise: Promise<unknown>, kind: ClientFailure): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    t.equal(error.failure, kind, error.message)
    t.match(error.message, /[.?]$/, 'a sentence')
    return error.message
  }
  t.fail(`should have failed with ${kind}`)
  return ''
}

interface Led {
  readonly topic: string
  /** Node ids of the leaders of its partitions. */
  readonly leaders: () => readonly number[]
}

/** Metadata of a cluster of these brokers, whose node ids are their places in the list, from 1. */
function metadataOf(brokers: () => readonly Address[], topics: readonly Led[] = []): ScriptedApi {
  return api(metadataRequest, metadataResponse, request => ({
    brokers: brokers().map(({ host, port }, index) => ({ nodeId: index + 1, host, port })),
    controllerId: 1,
    clusterId: 'scripted',
    topics: (request.topics ?? []).map(({ name }) => {
      const found = topics.find(({ topic }) => topic === name)
      if (found === undefined) {
        return { errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION, name, partitions: [] }
      }
      const partitions = found.leaders().map((leaderId, partitionIndex) => ({
        errorCode: 0,
        partitionIndex,
        leaderId,
        replicaNodes: [leaderId],
        isrNodes: [leaderId],
      }))
      return { errorCode: 0, name, partitions }
    }),
  }))
}

t.test('addresses are read as Kafka writes them', async t => {
  t.same(parseBootstrapServers('a:1, b:2,[::1]:3,c'), [
    { host: 'a', port: 1 },
    { host: 'b', port: 2 },
    { host: '::1', port: 3 },
    { host: 'c', port: 9092 },
  ])
  t.equal(showAddress({ host: '::1', port: 3 }), '[::1]:3')
  for (const wrong of ['', ',', 'a:b', 'a:0', 'a:65536', 'http://a:1', 'a:1:2']) {
    t.throws(() => parseBootstrapServers(wrong), ClientError, wrong)
  }
})

t.test('frames are cut wherever the pieces end', async t => {
  const frames = ['abcd', 'efghij', 'klmnopqrstuvwxyz'].map(text => Buffer.from(text))
  const stream = Buffer.concat(
    frames.map(frame => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(frame.length)
      return Buffer.concat([size, frame])
    }),
  )
  for (let pieceSize = 1; pieceSize <= stream.length; pieceSize++) {
    const cutter = new FrameCutter(100)
    const found: Buffer[] = []
    for (let at = 0; at < stream.length; at += pieceSize) {
      const cut = cutter.add(stream.subarray(at, at + pieceSize))
      if (Array.isArray(cut)) found.push(...cut)
    }
    t.same(found.map(String), frames.map(String), `pieces of ${pieceSize}`)
  }
  t.match(new FrameCutter(100).add(Buffer.from('HTTP/1.1')), { notAFrame: Buffer.from('HTTP/1.1') })
})

t.test('versions are negotiated', async t => {
  const metadata = { request: metadataRequest, response: metadataResponse }
  const answer = metadataOf(() => [])

  t.test('the highest that both know is taken', async t => {
    const broker = await scriptedBroker(t, [{ ...answer, versions: '2-7' }])
    const connection = await Connection.open(broker, options)
    t.teardown(() => connection.close())
    t.equal(connection.versionOf(metadata), 7)
    t.equal(connection.versionOf({ ...metadata, versions: '0-4' }), 4)
    t.equal(connection.versionOf({ ...metadata, versions: '8-9' }), undefined)
    await connection.send(metadata, { topics: [] })
    t.same(broker.requests, ['ApiVersions v4', 'Metadata v7'])
    const produce = { request: produceRequest, response: produceResponse }
    const refused = connection.send(produce, { acks: 1, timeoutMs: 1, topicData: [] })
    t.match(await failure(t, refused, 'unsupported'), /127\.0\.0\.1:\d+ does not serve Produce\./)
    const newer = connection.send({ ...metadata, versions: '8-9' }, { topics: [] })
    t.match(
      await failure(t, newer, 'unsupported'),
      /does not serve Metadata in a version known here \(it has 2-7/,
    )
  })

  t.test('a broker that does not know our ApiVersions is asked in its own', async t => {
    const negotiate = (version: number) => (version > 2 ? 'unsupported' : undefined)
    const broker = await scriptedBroker(t, [answer], { negotiate })
    // Its answer names the newest that it claims, which is above what it really takes.
    await failure(t, Connection.open(broker, options), 'not kafka')
    t.same(broker.requests, ['ApiVersions v4', 'ApiVersions v4'])
    let asked = 0
    const once = await scriptedBroker(t, [answer], {
      negotiate: () => (asked++ === 0 ? 'unsupported' : undefined),
    })
    const connection = await Connection.open(once, options)
    t.equal(connection.versionOf(metadata), 13)
    connection.close()
  })
})

t.test('what is wrong with an address is said in a sentence', async t => {
  const free = await scriptedBroker(t, [])
  await free.stop()
  const open = (address: Address, timeoutMs = 2000) => Connection.open(address, { ...options, timeoutMs })
  t.equal(
    await failure(t, open(free), 'unreachable'),
    `Cannot connect to broker 127.0.0.1:${free.port}: connection refused.`,
  )
  const listening = async (server: ReturnType<typeof createTcpServer>) => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  }
  const http = await listening(createServer())
  t.match(
    await failure(t, open(http), 'not kafka'),
    /does not speak the plain Kafka protocol: it answered in HTTP/,
  )
  const answering = (bytes: Buffer) => listening(createTcpServer(socket => void socket.end(bytes)))
  const tls = await answering(Buffer.from('15030300020246', 'hex'))
  t.match(await failure(t, open(tls), 'not kafka'), /answered in TLS/)
  const noise = await answering(Buffer.from('ffffffffffff', 'hex'))
  t.match(await failure(t, open(noise), 'not kafka'), /with the bytes ffffffffffff/)
  const rude = await listening(createTcpServer(socket => void socket.destroy()))
  t.match(await failure(t, open(rude), 'closed'), /closed the connection.*is a Kafka broker listening there/)
  const silent = await listening(createTcpServer(socket => void t.teardown(() => socket.destroy())))
  t.match(await failure(t, open(silent, 50), 'timed out'), /did not answer ApiVersions within 50 ms/)
})

t.test('answers that cannot be read, or are of another request, end the connection', async t => {
  const metadata = { request: metadataRequest, response: metadataResponse }
  for (const bytes of ['00000006' + '00000002' + 'ffff', '00000008' + '00000063' + '00000000']) {
    const broker = await scriptedBroker(t, [
      api(metadataRequest, metadataResponse, () => Buffer.from(bytes, 'hex')),
    ])
    const connection = await Connection.open(broker, options)
    const sentence = await failure(t, connection.send(metadata, { topics: [] }), 'not kafka')
    t.match(sentence, /The answer of broker 127\.0\.0\.1:\d+ to Metadata cannot be read: /)
    t.equal(connection.isOpen, false)
    await failure(t, connection.send(metadata, { topics: [] }), 'not kafka')
  }
})

t.test('a listener that wants authentication is recognised', async t => {
  const broker = await scriptedBroker(t, [api(metadataRequest, metadataResponse, () => 'close')])
  const client = clientOf(t, [broker])
  t.match(await failure(t, client.metadata([]), 'closed'), /at the first request: it may want authentication/)
})

t.test('the next bootstrap address is tried, and all are named when none answers', async t => {
  const gone = await scriptedBroker(t, [])
  await gone.stop()
  const broker: ScriptedBroker = await scriptedBroker(t, [metadataOf(() => [broker])])
  t.equal((await clientOf(t, [gone, broker]).metadata([])).clusterId, 'scripted')
  const sentence = await failure(t, clientOf(t, [gone, { host: '127.0.0.1', port: 1 }]).any(), 'unreachable')
  t.match(sentence, new RegExp(`127\\.0\\.0\\.1:${gone.port}.*127\\.0\\.0\\.1:1:`))
})

t.test('a leader that cannot be reached where it is advertised is explained', async t => {
  const leaders = () => [2]
  const nowhere = { host: '127.0.0.1', port: 1 }
  const broker: ScriptedBroker = await scriptedBroker(t, [
    metadataOf(() => [broker, nowhere], [{ topic: 'a', leaders }]),
  ])
  const client = clientOf(t, [broker], 10_000)
  const startedMs = performance.now()
  const asked = offsetsAt(client, [{ topic: 'a', partition: 0, timestamp: earliestTimestamp }])
  const sentence = await failure(t, asked, 'unreachable')
  t.match(sentence, /127\.0\.0\.1:1: connection refused\. This is the address that broker 2 advertises/)
  t.ok(performance.now() - startedMs < 5000, 'at once: it was never reached')
})

t.test('a broker that has answered before is waited for', async t => {
  const first: ScriptedBroker = await scriptedBroker(t, [metadataOf(() => [first])])
  const client = clientOf(t, [first], 10_000)
  await client.metadata([])
  await first.stop()
  const asking = client.retrying(() => client.metadata([]), { afterLostConnection: true })
  await new Promise(resolve => setImmediate(resolve))
  const again: ScriptedBroker = await scriptedBroker(t, [metadataOf(() => [again])], { port: first.port })
  t.equal((await asking).clusterId, 'scripted')
})

t.test('offsets are asked of the leaders, and again when they have moved', async t => {
  let leader = 1
  const listed: string[] = []
  const listOffsets = (nodeId: number) =>
    api(listOffsetsRequest, listOffsetsResponse, ({ topics }) => ({
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => {
          listed.push(`${partitionIndex} at ${nodeId}`)
          const isLed = partitionIndex === 1 ? nodeId === 2 : nodeId === 2 && leader === 2
          if (nodeId === 1) leader = 2
          return isLed
            ? { partitionIndex, errorCode: 0, offset: 7n }
            : { partitionIndex, errorCode: errorCodes.NOT_LEADER_OR_FOLLOWER }
        }),
      })),
    }))
  const brokers: ScriptedBroker[] = []
  const metadata = metadataOf(() => brokers, [{ topic: 'a', leaders: () => [leader, 2] }])
  brokers.push(await scriptedBroker(t, [metadata, listOffsets(1)]))
  brokers.push(await scriptedBroker(t, [metadata, listOffsets(2)]))
  const client = clientOf(t, [brokers[0]!])
  const questions = [0, 1].map(partition => ({ topic: 'a', partition, timestamp: earliestTimestamp }))
  t.same([...(await offsetsAt(client, questions))].sort(), [
    ['a-0', 7],
    ['a-1', 7],
  ])
  t.same(listed.sort(), ['0 at 1', '0 at 2', '1 at 2'], 'each as often as needed')
})

t.test('what is not there is not asked for again and again', async t => {
  const broker: ScriptedBroker = await scriptedBroker(t, [metadataOf(() => [broker])])
  const client = clientOf(t, [broker])
  const sentence = await failure(t, topicsByName(client, ['missing']), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.match(
    sentence,
    /^Topic missing does not exist: broker 127\.0\.0\.1:\d+ answered UNKNOWN_TOPIC_OR_PARTITION\.$/,
  )
  t.equal(broker.requests.filter(request => request.startsWith('Metadata')).length, 1)
})

t.test('a coordinator that loads, moves, or hangs up is found again, for a bounded time', async t => {
  const answers: (keyof typeof errorCodes | 'close')[] = []
  let found = 0
  const offsetFetch = api(offsetFetchRequest, offsetFetchResponse, ({ groups }) => {
    const next = answers.shift() ?? 'NONE'
    if (next === 'close') return 'close'
    return { groups: groups.map(({ groupId }) => ({ groupId, topics: [], errorCode: errorCodes[next] })) }
  })
  const findCoordinator = api(findCoordinatorRequest, findCoordinatorResponse, ({ coordinatorKeys }) => {
    found += 1
    const { host, port } = broker
    const coordinators = coordinatorKeys.map(key => ({ key, nodeId: 1, host, port, errorCode: 0 }))
    return { coordinators }
  })
  const broker: ScriptedBroker = await scriptedBroker(t, [
    metadataOf(() => [broker]),
    findCoordinator,
    offsetFetch,
  ])
  const client = clientOf(t, [broker])
  answers.push('COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'close')
  t.same(await committedOffsets(client, 'g'), [])
  t.equal(found, 4)
  answers.push('GROUP_AUTHORIZATION_FAILED')
  await failure(t, committedOffsets(client, 'g'), 'GROUP_AUTHORIZATION_FAILED')
  answers.push(...Array<'NOT_COORDINATOR'>(100).fill('NOT_COORDINATOR'))
  const impatient = clientOf(t, [broker], 300)
  const startedMs = performance.now()
  await failure(t, committedOffsets(impatient, 'g'), 'NOT_COORDINATOR')
  t.ok(performance.now() - startedMs < 1500)
})

interface Sent {
  readonly sequence: number
  readonly count: number
}

/** A broker of one partition that answers Produce as `script` says. */
async function producing(
  t: Test,
  script: (sent: Sent, attempt: number) => keyof typeof errorCodes | 'close',
) {
  const sent: Sent[] = []
  let nextOffset = 0n
  const produce = api(produceRequest, produceResponse, ({ topicData }) => {
    const { records } = topicData[0]!.partitionData[0]!
    const batch = { sequence: batchBaseSequence(records!, 0), count: batchRecordCount(records!, 0) }
    sent.push(batch)
    const how = script(batch, sent.length)
    if (how === 'close') return 'close'
    const baseOffset = how === 'NONE' ? nextOffset : -1n
    if (how === 'NONE') nextOffset += BigInt(batch.count)
    const partitionResponses = [{ index: 0, errorCode: errorCodes[how], baseOffset }]
    return { responses: [{ name: 'a', partitionResponses }] }
  })
  const initProducerId = api(initProducerIdRequest, initProducerIdResponse, () => ({
    throttleTimeMs: 0,
    errorCode: 0,
    producerId: 5n,
    producerEpoch: 0,
  }))
  const broker: ScriptedBroker = await scriptedBroker(t, [
    metadataOf(() => [broker], [{ topic: 'a', leaders: () => [1] }]),
    initProducerId,
    produce,
  ])
  const client = clientOf(t, [broker])
  const [topic] = await topicsByName(client, ['a'])
  const open = (acks: 0 | 1 | -1, onFailure?: () => void) =>
    RecordProducer.open(client, topic!, { acks, compression: 'none', onFailure })
  return { sent, open }
}

const record = (size = 10) => ({ value: Buffer.alloc(size), timestamp: 1 })

t.test('a batch whose answer is lost is sent again under the same sequence numbers', async t => {
  const lost = new Set([1, 3])
  const { sent, open } = await producing(t, (_, attempt) =>
    lost.has(attempt) ? 'close' : attempt === 4 ? 'NOT_LEADER_OR_FOLLOWER' : 'NONE',
  )
  const producer = await open(-1)
  producer.add(record())
  producer.add(record())
  await producer.finish()
  producer.add(record())
  await producer.finish()
  t.same(sent, [
    { sequence: 0, count: 2 },
    { sequence: 0, count: 2 },
    { sequence: 2, count: 1 },
    { sequence: 2, count: 1 },
    { sequence: 2, count: 1 },
  ])
  t.same(producer.produced(), [{ partition: 0, recordCount: 3, firstOffset: 0, lastOffset: 2 }])
})

t.test(
  'a batch that is too large is sent in halves, down to the record that is too large itself',
  async t => {
    const { sent, open } = await producing(t, ({ count }) => (count > 2 ? 'MESSAGE_TOO_LARGE' : 'NONE'))
    const producer = await open(-1)
    for (let count = 0; count < 7; count++) producer.add(record())
    await producer.finish()
    t.same(
      sent.filter(({ count }) => count <= 2).map(({ sequence }) => sequence),
      [0, 1, 3, 5],
    )
    t.equal(producer.produced()[0]!.recordCount, 7)

    const stubborn = await producing(t, () => 'MESSAGE_TOO_LARGE')
    let isTold = 0
    const failing = await stubborn.open(-1, () => isTold++)
    failing.add(record())
    failing.add(record())
    await failure(t, failing.finish(), 'MESSAGE_TOO_LARGE')
    t.equal(isTold, 1)
    t.throws(() => failing.add(record()), ClientError, 'nothing more is taken')
    await failure(t, failing.room(), 'MESSAGE_TOO_LARGE')
  },
)

t.test('what waits for the broker is bounded, and leaves in larger batches', async t => {
  const { sent, open } = await producing(t, () => 'NONE')
  const producer = await open(1)
  for (let count = 0; count < 40; count++) {
    producer.add(record(1024 * 1024))
    producer.send()
    await producer.room()
  }
  await producer.finish()
  t.equal(producer.produced()[0]!.recordCount, 40)
  for (let count = 0; count < 1000; count++) producer.add(record())
  await producer.finish()
  t.equal(sent.length, 41, 'a thousand small ones in one batch')
  t.equal(sent[0]!.sequence, -1, 'acks=1 is not idempotent')
})

/** Fetches of one partition, answered one after the other; none is left: nothing new. */
async function fetching(
  t: Test,
  answers: object[],
  start = 0,
  isolation: 'read_committed' | 'read_uncommitted' = 'read_uncommitted',
) {
  const asked: number[] = []
  let askedTwice = () => {}
  const secondFetch = new Promise<void>(resolve => {
    askedTwice = resolve
  })
  const fetch = api(fetchRequest, fetchResponse, ({ topics }) => {
    asked.push(Number(topics[0]!.partitions[0]!.fetchOffset))
    if (asked.length === 2) askedTwice()
    const next = answers.shift()
    if (next === undefined) return 'silence'
    const partition = {
      partitionIndex: 0,
      errorCode: 0,
      highWatermark: 0n,
      abortedTransactions: null,
      records: null,
    }
    return { responses: [{ topic: 'a', partitions: [{ ...partition, ...next }] }] }
  })
  const listOffsets = api(listOffsetsRequest, listOffsetsResponse, () => ({
    topics: [{ name: 'a', partitions: [{ partitionIndex: 0, errorCode: 0, offset: 40n }] }],
  }))
  const broker: ScriptedBroker = await scriptedBroker(t, [
    metadataOf(() => [broker], [{ topic: 'a', leaders: () => [1] }]),
    listOffsets,
    fetch,
  ])
  const resets: number[][] = []
  const reader = new RecordReader(clientOf(t, [broker]), [{ topic: 'a', partition: 0, offset: start }], {
    isolation,
    onReset: (_, from, to) => resets.push([from, to]),
  })
  return { reader, asked, resets, secondFetch }
}

const batchOf = (baseOffset: number, values: readonly string[], more: object = {}) =>
  buildBatch({
    records: values.map(value => ({ value: Buffer.from(value) })),
    timestamp: 5,
    baseOffset,
    ...more,
  })
const at = { topic: 'a', partition: 0 }

t.test('a reader takes what lies behind its position, and passes gaps and control batches', async t => {
  const control = buildBatch({
    records: [{ key: Buffer.from([0, 0, 0, 1]), value: Buffer.alloc(6) }],
    baseOffset: 6,
    isControl: true,
    isTransactional: true,
    producerId: 9,
  })
  const whole = Buffer.concat([batchOf(3, ['d', 'e', 'f']), control, batchOf(10, ['k'])])
  const { reader, asked, secondFetch } = await fetching(
    t,
    [{ records: Buffer.concat([whole, batchOf(11, ['cut']).subarray(0, 70)]) }],
    4,
  )
  const records = await reader.poll()
  t.same(
    records.map(({ offset, value }) => `${offset}${value}`),
    ['4e', '5f', '10k'],
  )
  t.match(records[0], { topic: 'a', partition: 0, timestamp: 5, timestampType: 'CreateTime' })
  t.equal(reader.position(at), 11)
  await secondFetch
  t.same(asked, [4, 11], 'the next fetch is on its way while these are dealt with')
})

t.test('records of aborted transactions are left out under read_committed', async t => {
  const transaction = (baseOffset: number, value: string, producerId: number) =>
    batchOf(baseOffset, [value], { isTransactional: true, producerId, producerEpoch: 0, baseSequence: 0 })
  const marker = (baseOffset: number, producerId: number, type: 0 | 1) =>
    buildBatch({
      records: [{ key: Buffer.from([0, 0, 0, type]), value: Buffer.alloc(6) }],
      baseOffset,
      isControl: true,
      isTransactional: true,
      producerId,
    })
  const log = Buffer.concat([
    transaction(0, 'aborted', 1),
    transaction(1, 'committed', 2),
    batchOf(2, ['plain']),
    marker(3, 1, 0),
    marker(4, 2, 1),
    transaction(5, 'second, committed', 1),
    marker(6, 1, 1),
  ])
  const answer = { records: log, abortedTransactions: [{ producerId: 1n, firstOffset: 0n }] }
  const values = async (isolation: 'read_committed' | 'read_uncommitted') => {
    const { reader } = await fetching(t, [answer], 0, isolation)
    return (await reader.poll()).map(({ value }) => String(value))
  }
  t.same(await values('read_committed'), ['committed', 'plain', 'second, committed'])
  t.same(await values('read_uncommitted'), ['aborted', 'committed', 'plain', 'second, committed'])
})

t.test('a position that retention has removed moves on to what is left, and says so', async t => {
  const { reader, asked, resets } = await fetching(t, [
    { errorCode: errorCodes.OFFSET_OUT_OF_RANGE },
    { records: batchOf(40, ['left']) },
  ])
  const records = [...(await reader.poll()), ...(await reader.poll())]
  t.same(
    records.map(({ offset }) => offset),
    [40],
  )
  t.same(resets, [[0, 40]])
  t.same(asked.slice(0, 2), [0, 40])
})

t.test('damaged batches are an error that says where', async t => {
  const damaged = batchOf(7, ['x'])
  damaged[damaged.length - 1]! ^= 1
  const { reader } = await fetching(t, [{ records: damaged }], 7)
  const sentence = await failure(t, reader.poll(), 'CORRUPT_MESSAGE')
  t.match(sentence, /Cannot read the batch at offset 7 of partition 0 of topic a from broker .*checksum/)
})

t.test('a reader that waits is woken by a signal', async t => {
  const { reader } = await fetching(t, [])
  const controller = new AbortController()
  setImmediate(() => controller.abort())
  t.same(await reader.poll(controller.signal), [])
})
