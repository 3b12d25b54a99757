/**
 * The smallest client that can get a record acknowledged, so that a measured start-up is the broker's and not
 * a client library's: it knocks on a port until somebody answers, asks ApiVersions v0, lets Metadata v4 create
 * the topic, and repeats Produce v7 (acks=-1, one record) until it is acknowledged. Versions below the flexible
 * ones, which both Apache Kafka 4 and Ottla serve. Layouts: the messages' JSON and KIP-98 for the batch.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { crc32c } from '../../protocol-codecs/crc32c.ts'

const apiKeys = { produce: 0, metadata: 3, apiVersions: 18 }
const retryMs = 1

/** Resolves with `performance.now()` at the moment when the first record was acknowledged. */
export async function firstAcknowledgedRecord(
  port: number,
  topic: string,
  timeoutMs: number,
): Promise<number> {
  const deadline = performance.now() + timeoutMs
  const socket = await knock(port, deadline)
  try {
    const call = caller(socket)
    await call(apiKeys.apiVersions, 0, Buffer.alloc(0))
    for (;;) {
      await call(apiKeys.metadata, 4, Buffer.concat([int32(1), text(topic), int8(1)]))
      const response = await call(apiKeys.produce, 7, produceBody(topic))
      // topics: [name, partitions: [index int32, errorCode int16, ...]] with one of each.
      const errorCode = response.readInt16BE(4 + 2 + Buffer.byteLength(topic) + 4 + 4)
      if (errorCode === 0) return performance.now()
      if (performance.now() > deadline)
        throw new Error(`no record acknowledged in time, error code ${errorCode}`)
      await delay(retryMs)
    }
  } finally {
    socket.destroy()
  }
}

async function knock(port: number, deadline: number): Promise<Socket> {
  for (;;) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const isOpen = await new Promise<boolean>(resolve => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    if (isOpen) return socket
    socket.destroy()
    if (performance.now() > deadline) throw new Error(`nobody listened on port ${port} in time`)
    await delay(retryMs)
  }
}

/** Sends one request at a time and resolves with the response's body. */
function caller(socket: Socket): (apiKey: number, version: number, body: Buffer) => Promise<Buffer> {
  let received: Buffer = Buffer.alloc(0)
  let answer: (body: Buffer) => void = () => undefined
  let refuse: (error: Error) => void = () => undefined
  socket.on('data', chunk => {
    received = Buffer.concat([received, chunk])
    if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return
    // size int32, correlationId int32, body
    const body = received.subarray(8)
    received = Buffer.alloc(0)
    answer(body)
  })
  socket.on('error', error => refuse(error))
  socket.on('close', () => refuse(new Error('the broker closed the connection')))
  let correlationId = 0
  return (apiKey, version, body) =>
    new Promise((resolve, reject) => {
      answer = resolve
      refuse = reject
      const header = Buffer.concat([
        int16(apiKey),
        int16(version),
        int32(correlationId++),
        text('first-record'),
      ])
      socket.write(Buffer.concat([int32(header.length + body.length), header, body]))
    })
}

function produceBody(topic: string): Buffer {
  const batch = oneRecordBatch()
  const transactionalId = int16(-1)
  const partition = Buffer.concat([int32(0), int32(batch.length), batch])
  const acks = int16(-1)
  return Buffer.concat([transactionalId, acks, int32(30_000), int32(1), text(topic), int32(1), partition])
}

function oneRecordBatch(): Buffer {
  // length, attributes, timestampDelta, offsetDelta, key length (-1 as a varint), value length and value, headers
  const value = Buffer.from('hello')
  const content = Buffer.concat([Buffer.from([0, 0, 0, 1, value.length * 2]), value, Buffer.from([0])])
  const record = Buffer.concat([Buffer.from([content.length * 2]), content])
  const now = int64(Date.now())
  const afterCrc = Buffer.concat([
    int16(0), // attributes
    int32(0), // lastOffsetDelta
    now, // baseTimestamp
    now, // maxTimestamp
    int64(-1), // producerId
    int16(-1), // producerEpoch
    int32(-1), // baseSequence
    int32(1), // record count
    record,
  ])
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(crc32c(afterCrc) >>> 0)
  // partitionLeaderEpoch int32, magic int8, crc
  const afterLength = Buffer.concat([int32(-1), int8(2), crc, afterCrc])
  return Buffer.concat([int64(0), int32(afterLength.length), afterLength])
}

function int8(value: number): Buffer {
  return Buffer.from([value & 0xff])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])
}
