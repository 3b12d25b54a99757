import t, { type Test } from 'tap'
import { errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { heartbeatRequest, heartbeatResponse } from '../../protocol-codecs/messages/heartbeat.ts'
import type { Infer } from '../../protocol-codecs/schema.ts'
import { WireReader } from '../../protocol-codecs/wire-reader.ts'
import { ConnectionBudget } from '../network/connection-budget.ts'
import { listen } from '../network/listener.ts'
import { RequestMemory } from '../network/request-memory.ts'
import { bufferPool } from '../platform/buffer-pool.ts'
import { systemClock } from '../platform/clock.ts'
import { silentLogger } from '../platform/logger.ts'
import { encodeRequest, RawClient } from '../testing/raw-client.ts'
import { generousLimits } from '../testing/scripted-listener.ts'
import { Dispatcher } from './dispatch.ts'
import { closeConnection, type Handler, handler, noResponse, type RequestContext } from './handler.ts'
import type { Services } from './services.ts'

type Heartbeat = Handler<typeof heartbeatRequest, typeof heartbeatResponse>
type Handle = (
  request: Infer<typeof heartbeatRequest>,
  context: RequestContext,
) => ReturnType<Heartbeat['handle']>

/** Serves Heartbeat as the test wants it, and gives a client and what was logged as error. */
async function serving(t: Test, handle: Handle, refuse?: Heartbeat['refuse']) {
  const errors: unknown[] = []
  const logger = { ...silentLogger, error: (details: unknown) => errors.push(details) }
  const services = { logger } as unknown as Services
  const heartbeat = handler({
    request: heartbeatRequest,
    response: heartbeatResponse,
    versions: '1-4',
    ordering: 'pipelined',
    handle: (request, _services, context) => handle(request, context),
    refuse: refuse ?? ((_request, error) => ({ errorCode: errorCodes[error] })),
  })
  const listener = await listen(
    { name: 'PLAINTEXT', host: '127.0.0.1', port: 0 },
    new Dispatcher([heartbeat], services),
    generousLimits,
    {
      clock: systemClock,
      logger: silentLogger,
      pool: bufferPool(),
      memory: new RequestMemory(-1),
      budget: new ConnectionBudget(10, 10, new Map()),
    },
  )
  const client = await RawClient.connect(listener)
  t.teardown(async () => {
    await client.close()
    listener.stopAccepting()
    await listener.close(100)
  })
  return { client, errors, send: (version: number) => client.send(heartbeat, version, request) }
}

const request = { groupId: 'g', generationId: 1, memberId: 'm' }

t.test('whatever a handler throws, at once or later, is answered in the shape of its API', async t => {
  const failures = [
    [() => new ProtocolError('ILLEGAL_GENERATION', 'too old'), errorCodes.ILLEGAL_GENERATION, 0],
    [() => new TypeError('undefined is not a function'), errorCodes.UNKNOWN_SERVER_ERROR, 1],
    [() => 'not even an error', errorCodes.UNKNOWN_SERVER_ERROR, 1],
  ] as const
  for (const [failure, errorCode, logged] of failures) {
    for (const later of [false, true]) {
      const { send, errors } = await serving(t, () => {
        if (later) return Promise.reject(failure())
        throw failure()
      })
      for (const version of [1, 4]) t.match(await send(version), { errorCode })
      t.equal(errors.length, 2 * logged)
    }
  }
})

t.test(
  'an answer that its version cannot express becomes an error, and its neighbours stay whole',
  async t => {
    for (const later of [false, true]) {
      let count = 0
      const { send, errors } = await serving(t, () => {
        const answer = { throttleTimeMs: ++count === 2 ? 2 ** 40 : count, errorCode: 0 }
        return later ? Promise.resolve(answer) : answer
      })
      t.match(await Promise.all([send(1), send(4), send(4)]), [
        { throttleTimeMs: 1, errorCode: 0 },
        { throttleTimeMs: 0, errorCode: errorCodes.UNKNOWN_SERVER_ERROR },
        { throttleTimeMs: 3, errorCode: 0 },
      ])
      t.equal(errors.length, 1)
    }
  },
)

t.test('where even the error cannot be said the connection closes, and the broker lives', async t => {
  const refusals: Heartbeat['refuse'][] = [
    () => ({ errorCode: 2 ** 20 }),
    () => closeConnection,
    () => {
      throw new Error('refuse must not throw')
    },
  ]
  for (const refuse of refusals) {
    for (const later of [false, true]) {
      const handle = () => {
        if (later) return Promise.reject(new Error('failed'))
        throw new Error('failed')
      }
      const { client, send } = await serving(t, handle, refuse)
      await t.rejects(send(1), { message: 'the broker closed the connection' })
      await client.closed
    }
  }
})

t.test('silence and closing are answers too', async t => {
  const answers = [
    noResponse,
    { errorCode: 0, throttleTimeMs: 7 },
    closeConnection,
    { errorCode: 0 },
  ] as const
  let started = 0
  let sent = 0
  const { client, send } = await serving(t, (_request, context) => {
    context.afterSend(() => sent++)
    return answers[started++]!
  })
  client.sendUnanswered(heartbeatRequest, 2, request)
  t.match(await send(2), { throttleTimeMs: 7 })
  await t.rejects(send(2), { message: 'the broker closed the connection' })
  t.same([started, sent], [3, 3])
})

t.test('a handler is told who asks', async t => {
  const seen: Partial<RequestContext>[] = []
  const { client } = await serving(t, (_request, { apiVersion, clientId, clientHost, listenerName }) => {
    seen.push({ apiVersion, clientId, clientHost, listenerName })
    return { errorCode: 0 }
  })
  for (const [version, clientId] of [
    [1, null],
    [4, 'app'],
  ] as const) {
    await client.sendBytes(encodeRequest(heartbeatRequest, version, request, 1, clientId))
    const context = { apiVersion: version, clientId: clientId ?? '', clientHost: '127.0.0.1' }
    t.match(seen.pop(), { ...context, listenerName: 'PLAINTEXT' })
  }
})

t.test('headers are those of the version, whose client id is never compact', async t => {
  const seen: unknown[] = []
  const { client } = await serving(t, ({ groupId, memberId }, { clientId }) => {
    seen.push([clientId, groupId, memberId])
    return { errorCode: 0 }
  })
  const exchanges = [
    // Version 3: no tags. The group, the generation, the member, no instance id.
    [
      '000c000300000007' + '0003617070' + '000167' + '00000001' + '00016d' + 'ffff',
      '00000007' + '00000000' + '0000',
    ],
    [
      '000c000300000008' + 'ffff' + '000167' + '00000001' + '00016d' + 'ffff',
      '00000008' + '00000000' + '0000',
    ],
    // Version 4 is flexible: tags behind each header and body, of which one is unknown and skipped.
    [
      '000c000400000009' +
        '0003617070' +
        '01' +
        '6302aabb' +
        '0267' +
        '00000001' +
        '026d' +
        '00' +
        '01' +
        '0501ff',
      '00000009' + '00' + '00000000' + '0000' + '00',
    ],
  ] as const
  for (const [sent, answer] of exchanges) {
    t.equal((await client.sendBytes(Buffer.from(sent, 'hex'))).toString('hex'), answer)
  }
  t.same(seen, [
    ['app', 'g', 'm'],
    ['', 'g', 'm'],
    ['app', 'g', 'm'],
  ])
})

t.test('ApiVersions in any version that is not known is answered as version 0, its body unread', async t => {
  const { client, send } = await serving(t, () => ({ errorCode: 0 }))
  for (const version of [6, 99, -1, 32767]) {
    const frame = Buffer.concat([Buffer.from('00120000000000070001610102', 'hex'), Buffer.alloc(30, 0xff)])
    frame.writeInt16BE(version, 2)
    const reader = new WireReader(await client.sendBytes(frame))
    t.equal(reader.int32(), 7)
    t.equal(reader.int16(), errorCodes.UNSUPPORTED_VERSION)
    t.equal(reader.count(6), 1)
    t.same([reader.int16(), reader.int16(), reader.int16()], [18, 0, 5])
    t.equal(reader.remaining, 0)
  }
  t.match(await send(1), { errorCode: 0 }, 'and the connection stays open')
})

t.test('what is no request that is served closes the connection, and nothing is answered', async t => {
  const frames = {
    'an empty frame': '',
    'less than a header': '000c',
    'a header without its client id': '000c000100000001',
    'an unknown API': '03e70001000000010000',
    'a negative API': 'ffff0001000000010000',
    'a version below those served': '000c0000000000010000',
    'a version above those served': '000c0005000000010000',
    'a body that ends early': '000c00010000000100000001',
    'a client id of more bytes than there are': '000c0001000000017fff',
    'tags without end': '000c000400000001000001ff',
  }
  for (const [title, hex] of Object.entries(frames)) {
    const { client } = await serving(t, () => ({ errorCode: 0 }))
    await t.rejects(client.sendBytes(Buffer.from(hex, 'hex')), title)
  }
})
