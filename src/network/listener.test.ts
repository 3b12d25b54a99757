import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { WireWriter } from '../../protocol-codecs/wire-writer.ts'
import { silentLogger } from '../platform/logger.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import {
  bodyOf,
  type Script,
  type ScriptedAnswer,
  scriptedListener,
  scriptedRequest,
} from '../testing/scripted-listener.ts'
import { ConnectionBudget } from './connection-budget.ts'

const echo: Script = ({ body }) => body

/** Waits for what happens on the other side of a socket. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${condition}`)
    await sleep(2)
  }
}

function pattern(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let i = 0; i + 4 <= size; i += 4) bytes.writeUInt32LE((i * 2654435761) >>> 0, i)
  return bytes
}

t.test('requests of every size come back, pipelined or not, in whatever pieces they arrive', async t => {
  const { connect, pool, processor } = await scriptedListener(t, echo)
  const client = await connect()
  const sizes = [0, 1, 1000, 70_000, 262_139, 262_140, 300_000, 1_048_576, 30 * 1024 * 1024, 5]
  const stream = Buffer.concat(sizes.map((size, id) => scriptedRequest(id, pattern(size), id % 3 > 0)))
  void client.write(stream)
  for (const [id, size] of sizes.entries()) {
    const answer = await client.next()
    t.equal(answer?.readInt32BE(0), id)
    t.ok(bodyOf(answer!).equals(pattern(size)), `${size} bytes`)
  }
  const pieces = Buffer.concat([1, 2, 3].map(id => scriptedRequest(id, pattern(30))))
  for (let at = 0; at < pieces.length; at += 7) {
    await client.write(pieces.subarray(at, at + 7))
    await sleep(1)
  }
  t.same(await client.nextIds(3), [1, 2, 3])
  t.same(processor.started, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3])
  t.equal(pool.outstanding.size, 0)
})

t.test('many connections share one receive buffer and see nothing of each other', async t => {
  const { connect, pool, listener } = await scriptedListener(t, ({ body, isPipelined }) =>
    isPipelined ? body : sleep(1, body),
  )
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect()))
  const bodies = clients.map((_, i) => pattern(5000 * i + 17).fill(i, 0, 9))
  for (let round = 0; round < 4; round++) {
    for (const [i, client] of clients.entries()) {
      void client.write(scriptedRequest(round, bodies[i]!, (i + round) % 2 === 0))
    }
  }
  await until(() => listener.connectionCount === 20)
  for (let round = 0; round < 4; round++) {
    for (const [i, client] of clients.entries()) {
      const answer = (await client.next())!
      if (answer.readInt32BE(0) !== round || !bodyOf(answer).equals(bodies[i]!)) t.fail(`${i} in ${round}`)
    }
  }
  t.equal(pool.outstanding.size, 0)
})

t.test('pipelined requests overlap, answered in order; a sequential one waits and is waited for', async t => {
  const finish = new Map<number, () => void>()
  const { connect, processor } = await scriptedListener(
    t,
    ({ id, body }) => new Promise(resolve => finish.set(id, () => resolve(body))),
    { limits: { maxInFlight: 3 } },
  )
  const client = await connect()
  const kinds = [1, 1, 1, 1, 0, 1, 1]
  await client.write(...kinds.map((kind, id) => scriptedRequest(id, Buffer.from(`body ${id}`), kind === 1)))
  await until(() => processor.started.length === 3)
  finish.get(2)!()
  finish.get(1)!()
  await sleep(20)
  t.same(processor.started, [0, 1, 2], 'three in flight are the bound')
  finish.get(0)!()
  t.same(await client.nextIds(3), [0, 1, 2])
  await sleep(20)
  t.same(processor.started, [0, 1, 2, 3], 'the sequential one waits')
  finish.get(3)!()
  await until(() => finish.has(4))
  await sleep(20)
  t.same(processor.started, [0, 1, 2, 3, 4], 'and is waited for')
  finish.get(4)!()
  await until(() => processor.started.length === 7)
  finish.get(6)!()
  finish.get(5)!()
  t.same(await client.nextIds(4), [3, 4, 5, 6])
})

t.test('a client that does not read costs bounded memory, and gets everything when it does', async t => {
  const answer = pattern(1024 * 1024)
  const { connect, processor } = await scriptedListener(t, () => answer)
  const client = await connect()
  client.socket.pause()
  const count = 300
  await client.write(
    ...Array.from({ length: count }, (_, id) => scriptedRequest(id, Buffer.alloc(100), false)),
  )
  let before = -1
  while (processor.started.length > before) {
    before = processor.started.length
    await sleep(50)
  }
  t.ok(before > 0 && before < 30, `${before} answers of 1 MB were made for a client that reads none`)
  client.socket.resume()
  t.same(
    await client.nextIds(count),
    Array.from({ length: count }, (_, id) => id),
  )
})

t.test('frames that only announce their size cost little memory', async t => {
  const { connect, pool, listener } = await scriptedListener(t, echo)
  const head = Buffer.alloc(1000)
  head.writeInt32BE(100 * 1024 * 1024)
  const before = process.memoryUsage().rss
  const clients = await Promise.all(Array.from({ length: 100 }, () => connect()))
  for (const client of clients) await client.write(head)
  await until(() => pool.outstanding.size === 100)
  t.ok(pool.acquiredBytes <= 100 * 256 * 1024)
  t.ok(process.memoryUsage().rss - before < 40 * 1024 * 1024)
  for (const client of clients) client.socket.resetAndDestroy()
  await until(() => listener.connectionCount === 0)
  t.equal(pool.outstanding.size, 0)
})

t.test('a client that goes away in the middle leaves nothing behind', async t => {
  let sent = 0
  let closed = 0
  let resolve: (answer: ScriptedAnswer) => void = () => undefined
  const large = pattern(20 * 1024 * 1024)
  const { connect, pool, listener, processor } = await scriptedListener(t, ({ id, connection }) => {
    connection.onClose(() => closed++)
    const write = (writer: WireWriter) => writer.records(large)
    if (id === 1) return { outcome: { write, sent: [() => sent++] } }
    return new Promise(done => {
      resolve = () => done({ outcome: { write, sent: [() => sent++] } })
    })
  })
  for (const leave of ['destroy', 'resetAndDestroy'] as const) {
    const midFrame = await connect()
    await midFrame.write(scriptedRequest(7, large).subarray(0, 300_000))
    await until(() => pool.outstanding.size === 1)
    midFrame.socket[leave]()
    await until(() => listener.connectionCount === 0)
    t.equal(pool.outstanding.size, 0, 'the beginning of a frame')

    sent = 0
    const midAnswer = await connect()
    midAnswer.socket.pause()
    await midAnswer.write(scriptedRequest(1))
    await until(() => processor.started.at(-1) === 1)
    await sleep(20)
    t.equal(sent, 0)
    midAnswer.socket[leave]()
    await until(() => listener.connectionCount === 0)
    t.equal(sent, 1, 'an answer half sent')

    closed = 0
    const midRequest = await connect()
    await midRequest.write(scriptedRequest(2))
    await until(() => processor.started.at(-1) === 2)
    midRequest.socket[leave]()
    await until(() => listener.connectionCount === 0)
    t.equal(closed, 1, 'a request that waits hears of it')
    resolve(large)
    await until(() => sent === 2)
  }
})

t.test('a connection that closes receives nothing more into memory that it has given back', async t => {
  for (let round = 0; round < 2; round++) {
    let finish: (answer: ScriptedAnswer) => void = () => undefined
    const { connect, pool, listener } = await scriptedListener(
      t,
      () =>
        new Promise(resolve => {
          finish = resolve
        }),
    )
    const client = await connect()
    client.socket.pause()
    const large = scriptedRequest(2, pattern(8 * 1024 * 1024))
    await client.write(scriptedRequest(1), large.subarray(0, 300_000))
    await until(() => pool.outstanding.size === 1)
    const memory = [...pool.outstanding][0]!
    // So much that the socket stays open for a while in order to send it.
    finish({ outcome: { write: writer => writer.records(pattern(20 * 1024 * 1024)), closes: true } })
    for (let at = 300_000; at < large.length; at += 65536) client.socket.write(large.subarray(at, at + 65536))
    await sleep(20)
    client.socket.resume()
    await until(() => listener.connectionCount === 0)
    t.equal(pool.outstanding.size, 0)
    t.ok(memory.equals(Buffer.alloc(memory.length, 0xdd)))
  }
})

t.test('idle connections are closed, busy ones are not, and a client that never reads is', async t => {
  const clock = new ManualClock()
  let finish: (answer: ScriptedAnswer) => void = () => undefined
  const { connect, listener, processor } = await scriptedListener(
    t,
    ({ id }) => {
      if (id === 1) return new Promise(resolve => (finish = resolve))
      return pattern(id === 2 ? 30 * 1024 * 1024 : 0)
    },
    { clock, limits: { maxIdleMs: 60_000 } },
  )
  const idle = await connect()
  const halfFrame = await connect()
  await halfFrame.write(scriptedRequest(9, pattern(100)).subarray(0, 20))
  const waiting = await connect()
  await waiting.write(scriptedRequest(1))
  const deaf = await connect()
  deaf.socket.pause()
  await deaf.write(scriptedRequest(2))
  await until(() => processor.started.length === 2 && listener.connectionCount === 4)
  await sleep(50)
  clock.advance(50_000)
  await idle.write(scriptedRequest(3))
  t.same(await idle.nextIds(1), [3])
  clock.jump(3_600_000)
  clock.advance(6_000)
  t.equal(listener.connectionCount, 4, 'a wall clock that is set closes nobody')
  clock.jump(-7_200_000)
  clock.advance(14_000)
  await until(() => listener.connectionCount === 2)
  await halfFrame.closed
  clock.advance(60_000)
  await idle.closed
  await until(() => listener.connectionCount === 1)
  finish(Buffer.alloc(0))
  t.same(await waiting.nextIds(1), [1])
  clock.advance(70_000)
  await waiting.closed
})

t.test('no more connections than allowed, in all and for each address', async t => {
  const budget = new ConnectionBudget(5, 3, new Map([['127.0.0.2', 1]]))
  const warnings: object[] = []
  const warn = (details: object | string) => warnings.push(Object(details))
  const clock = new ManualClock()
  const { connect, listener } = await scriptedListener(t, echo, {
    address: { host: '0.0.0.0' },
    budget,
    clock,
    logger: { ...silentLogger, warn },
  })
  const serves = async (client: Awaited<ReturnType<typeof connect>>) => {
    await client.write(scriptedRequest(1))
    return (await client.next()) !== undefined
  }
  const [first, second, third, fourth] = await Promise.all([connect(), connect(), connect(), connect()])
  t.same(await Promise.all([first, second, third].map(serves)), [true, true, true])
  t.notOk(await serves(fourth))
  t.ok(await serves(await connect('127.0.0.1', '127.0.0.2')))
  t.notOk(await serves(await connect('127.0.0.1', '127.0.0.2')), 'an address with a limit of its own')
  t.ok(await serves(await connect('127.0.0.1', '127.0.0.3')))
  t.notOk(await serves(await connect('127.0.0.1', '127.0.0.4')), 'the limit of all')
  t.match(warnings, [{ count: 1 }], 'those who come again at once do not fill the log')
  clock.advance(10_000)
  t.notOk(await serves(await connect('127.0.0.1', '127.0.0.4')))
  t.match(warnings.slice(1), [{ count: 3 }])
  t.equal(listener.connectionCount, 5)
  second.socket.resetAndDestroy()
  await until(() => listener.connectionCount === 4)
  t.ok(await serves(await connect()), 'room is given back')
})

t.test('a listener', async t => {
  await t.test('knows the address that a client reached, over IPv4 and IPv6', async t => {
    const reached: unknown[] = []
    const script: Script = ({ connection, body }) => {
      const { clientHost, localAddress, localPort } = connection.facts
      reached.push({ clientHost, localAddress, localPort })
      return body
    }
    for (const [host, from] of [
      ['127.0.0.1', '127.0.0.1'],
      ['::1', '::1'],
      ['', '127.0.0.1'],
      ['', '::1'],
    ] as const) {
      const { connect, listener } = await scriptedListener(t, script, { address: { host } })
      const client = await connect(from)
      await client.write(scriptedRequest(1))
      t.same(await client.nextIds(1), [1])
      t.same(reached.pop(), { clientHost: from, localAddress: from, localPort: listener.port })
      t.ok(listener.port > 0)
    }
  })

  await t.test('says where it could not listen, and why', async t => {
    const taken = createServer()
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
    t.teardown(() => taken.close())
    const { port } = taken.address() as { port: number }
    await t.rejects(scriptedListener(t, echo, { address: { port } }), {
      message: `Cannot listen on PLAINTEXT://127.0.0.1:${port}: the port is in use; is another broker running?`,
      code: 'EADDRINUSE',
    })
    await t.rejects(scriptedListener(t, echo, { address: { host: '192.0.2.1' } }), {
      message: /^Cannot listen on PLAINTEXT:\/\/192\.0\.2\.1:0: this machine has no such address$/,
    })
    await t.rejects(scriptedListener(t, echo, { address: { host: '2001:db8::1' } }), {
      message: /^Cannot listen on PLAINTEXT:\/\/\[2001:db8::1\]:0: /,
    })
  })

  await t.test('closes idle connections at once when it stops, and frees its port', async t => {
    const { connect, listener } = await scriptedListener(t, echo)
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect()))
    await clients[0]!.write(scriptedRequest(1, Buffer.alloc(300_000)).subarray(0, 280_000))
    await sleep(20)
    const before = performance.now()
    listener.stopAccepting()
    await listener.close(10_000)
    t.ok(performance.now() - before < 300)
    await Promise.all(clients.map(client => client.closed))
    t.equal(listener.connectionCount, 0)
    await t.rejects(connect(), { code: 'ECONNREFUSED' })
    const again = await scriptedListener(t, echo, { address: { port: listener.port } })
    await again.connect()
  })

  await t.test('finishes what it started when it stops, and starts nothing more', async t => {
    let finish: () => void = () => undefined
    const large = pattern(5 * 1024 * 1024)
    const { connect, listener, processor } = await scriptedListener(t, ({ id, connection }) => {
      if (id === 2) return new Promise(resolve => (finish = () => resolve(large)))
      return new Promise(resolve => connection.onClose(() => resolve(Buffer.from('woken'))))
    })
    const busy = await connect()
    await busy.write(scriptedRequest(2), scriptedRequest(3, undefined, false))
    const parked = await connect()
    await parked.write(scriptedRequest(4, undefined, false))
    await until(() => processor.started.length === 2)
    listener.stopAccepting()
    const stopped = listener.close(10_000)
    t.same(await parked.nextIds(1), [4])
    t.equal(await parked.next(), undefined)
    await busy.write(scriptedRequest(5))
    finish()
    t.ok(bodyOf((await busy.next())!).equals(large))
    t.equal(await busy.next(), undefined)
    await stopped
    t.same(processor.started.sort(), [2, 4])
  })

  await t.test('does not wait for ever when it stops', async t => {
    const { connect, listener, processor } = await scriptedListener(t, ({ id }) =>
      id === 1 ? new Promise(() => undefined) : pattern(30 * 1024 * 1024),
    )
    const endless = await connect()
    await endless.write(scriptedRequest(1))
    const deaf = await connect()
    deaf.socket.pause()
    await deaf.write(scriptedRequest(2))
    await until(() => processor.started.length === 2)
    listener.stopAccepting()
    const before = performance.now()
    await listener.close(100)
    t.ok(performance.now() - before < 600)
    t.equal(listener.connectionCount, 0)
  })
})
