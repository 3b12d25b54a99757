/**
 * A Kafka broker as a script: it listens, says which APIs it serves, and answers each request as the test says, so
 * that a client meets what a real broker does only on its worst day. Several of them make a cluster.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { codecFor } from '../../protocol-codecs/compile-codec.ts'
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { apiVersionsRequest, apiVersionsResponse } from '../../protocol-codecs/messages/api-versions.ts'
import { requestHeader } from '../../protocol-codecs/messages/request-header.ts'
import { responseHeader } from '../../protocol-codecs/messages/response-header.ts'
import type { Infer, InferInput, Message } from '../../protocol-codecs/schema.ts'
import { inVersions, parseVersions } from '../../protocol-codecs/versions.ts'
import { WireReader } from '../../protocol-codecs/wire-reader.ts'
import { WireWriter } from '../../protocol-codecs/wire-writer.ts'
import { FrameCutter, responseHeaderVersion } from '../client/wire-frames.ts'

/** Instead of an answer: the connection ends, nothing comes, or these bytes come. */
export type Misbehaviour = 'close' | 'silence' | Buffer

export interface ScriptedApi {
  readonly request: Message
  readonly response: Message
  readonly versions: string
  // biome-ignore lint/suspicious/noExplicitAny: of whatever message
  readonly answer: (request: any, version: number) => unknown
}

/** An API of the script, with the types of its messages. */
export function api<Q extends Message, R extends Message>(
  request: Q,
  response: R,
  answer: (request: Infer<Q>, version: number) => InferInput<R> | Misbehaviour,
  versions = request.versions,
): ScriptedApi {
  return { request, response, versions, answer }
}

export interface ScriptedBroker {
  readonly host: string
  readonly port: number
  /** Names of the requests that came, in their order, such as `Metadata v12`. */
  readonly requests: string[]
  stop(): Promise<void>
}

export interface ScriptedBrokerOptions {
  /** In place of an answer to ApiVersions; undefined: the answer. */
  readonly negotiate?: (version: number) => Misbehaviour | 'unsupported' | undefined
  readonly port?: number
}

const newestApiVersions = 4

/** Listens on a free loopback port until the test is over. */
export async function scriptedBroker(
  t: { teardown(callback: () => Promise<void>): void },
  apis: readonly ScriptedApi[],
  { negotiate, port = 0 }: ScriptedBrokerOptions = {},
): Promise<ScriptedBroker> {
  const ranges = apis.map(({ request, versions }) => {
    const { first, last } = parseVersions(versions)
    return { apiKey: request.apiKey!, minVersion: first, maxVersion: last }
  })
  const apiKeys = [
    { apiKey: apiVersionsRequest.apiKey!, minVersion: 0, maxVersion: newestApiVersions },
    ...ranges,
  ]
  const sockets = new Set<Socket>()
  const requests: string[] = []

  const answerOf = (apiKey: number, version: number, reader: WireReader): [Message, number, unknown] => {
    if (apiKey === apiVersionsRequest.apiKey) {
      const how = negotiate?.(version)
      if (how === 'unsupported') {
        return [apiVersionsResponse, 0, { errorCode: errorCodes.UNSUPPORTED_VERSION, apiKeys }]
      }
      return [apiVersionsResponse, version, how ?? { errorCode: 0, apiKeys }]
    }
    const found = apis.find(({ request }) => request.apiKey === apiKey)!
    const request = codecFor(found.request, version).decode(reader)
    return [found.response, version, found.answer(request, version)]
  }

  const receive = (socket: Socket, frame: Buffer): void => {
    const apiKey = frame.readInt16BE(0)
    const version = frame.readInt16BE(2)
    const message = [apiVersionsRequest, ...apis.map(({ request }) => request)].find(
      one => one.apiKey === apiKey,
    )!
    requests.push(`${message.name.replace(/Request$/, '')} v${version}`)
    const reader = new WireReader(frame)
    const header = codecFor(requestHeader, inVersions(message.flexible, version) ? 2 : 1).decode(reader)
    const [response, answerVersion, answer] = answerOf(apiKey, version, reader)
    if (answer === 'silence') return
    if (answer === 'close') socket.destroy()
    else if (Buffer.isBuffer(answer)) socket.write(answer)
    else socket.write(frameOf(response, answerVersion, header.correlationId, answer))
  }

  const server: Server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    const cutter = new FrameCutter(100 * 1024 * 1024)
    socket.on('data', bytes => {
      const frames = cutter.add(bytes)
      if (Array.isArray(frames)) for (const frame of frames) receive(socket, frame)
    })
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise<void>(resolve => server.close(() => resolve()))
  }
  t.teardown(stop)
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, requests, stop }
}

function frameOf(response: Message, version: number, correlationId: number, answer: unknown): Buffer {
  const writer = new WireWriter()
  codecFor(responseHeader, responseHeaderVersion(response, version)).encode(writer, { correlationId })
  codecFor(response, version).encode(writer, answer as never)
  const body = writer.toBuffer()
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}
