/**
 * A connection without a network: a socket of the test's own hands it a byte stream in every way a kernel may
 * cut it, and takes what it writes. What arrives at the processor and what leaves must not depend on the cuts.
 * Memory is watched throughout: released once, never read after that.
 */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { WireWriter } from '../../protocol-codecs/wire-writer.ts'
import { type SeededRandom, seededRandom } from '../../scripts/seeded-random.ts'
import { silentLogger } from '../platform/logger.ts'
import type { Outcome } from '../requests/request-processor.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import {
  bodyOf,
  generousLimits,
  type Script,
  ScriptedProcessor,
  scriptedRequest,
  WatchedPool,
  writeAnswer,
} from '../testing/scripted-listener.ts'
import { Connection, type ConnectionLimits } from './connection.ts'
import { RequestMemory } from './request-memory.ts'

/** Takes writes and completes them when the test lets it; otherwise as a `net.Socket` with `onread`. */
class HeldSocket extends EventEmitter {
  closed = false
  isReading = true
  /** Number of system calls that writing would have taken. */
  writeCalls = 0
  /** What the kernel has not taken yet, and what it has. */
  private unsent: Buffer[] = []
  private readonly sent: Buffer[] = []
  private corked = 0
  private pending: (() => void)[] = []
  private isEnding = false

  write(chunk: Buffer, callback?: () => void): void {
    if (this.corked === 0) this.writeCalls++
    this.unsent.push(chunk)
    this.pending.push(callback ?? (() => undefined))
  }
  cork(): void {
    this.corked++
  }
  uncork(): void {
    this.corked--
    this.writeCalls++
  }
  pause(): void {
    this.isReading = false
  }
  resume(): void {
    this.isReading = true
  }
  /** The kernel takes what was written. */
  drain(): void {
    // Copies, as the kernel does: what is released from now on is nobody's any more.
    for (const chunk of this.unsent.splice(0)) {
      this.sent.push(Buffer.from(chunk))
    }
    for (const callback of this.pending.splice(0)) callback()
    if (this.isEnding) this.destroy()
  }
  /** The client closes its side as soon as it has seen the end of ours. */
  end(): void {
    this.isEnding = true
    if (this.pending.length === 0) this.destroy()
  }
  destroy(): void {
    if (this.closed) return
    this.closed = true
    this.isReading = false
    this.emit('close')
  }
  get written(): readonly Buffer[] {
    return [...this.sent, ...this.unsent]
  }
  get frames(): Buffer[] {
    const all = Buffer.concat(this.written)
    const frames: Buffer[] = []
    for (let at = 0; at < all.length; at += 4 + all.readInt32BE(at)) {
      frames.push(all.subarray(at + 4, at + 4 + all.readInt32BE(at)))
    }
    return frames
  }
}

interface Bench {
  readonly socket: HeldSocket
  readonly connection: Connection
  readonly processor: ScriptedProcessor
  readonly pool: WatchedPool
  readonly memory: RequestMemory
  readonly clock: ManualClock
  /** Lets up to `size` bytes of the stream arrive, as `onread` would deliver them; gives how many did. */
  deliver(stream: Buffer, from: number, size: number): number
}

const sharedBuffer = Buffer.alloc(256 * 1024)

function bench(
  script: Script,
  limits: Partial<ConnectionLimits> = {},
  memory = new RequestMemory(-1),
): Bench {
  const socket = new HeldSocket()
  const processor = new ScriptedProcessor(script)
  const pool = new WatchedPool()
  const clock = new ManualClock()
  const facts = {
    id: '1',
    listenerName: 'A',
    clientHost: '::1',
    clientPort: 2,
    localAddress: '::1',
    localPort: 1,
  }
  const connection = new Connection(
    socket as unknown as Socket,
    facts,
    processor,
    { ...generousLimits, ...limits },
    { pool, memory, clock, logger: silentLogger },
  )
  let target = connection.receiveTarget() ?? sharedBuffer
  return {
    socket,
    connection,
    processor,
    pool,
    memory,
    clock,
    deliver(stream, from, size) {
      if (!socket.isReading) return 0
      const count = stream.copy(target, 0, from, Math.min(stream.length, from + size))
      if (!connection.received(target, count)) socket.isReading = false
      if (target === sharedBuffer) target.fill(0xee, 0, count)
      target = connection.receiveTarget() ?? sharedBuffer
      return count
    },
  }
}

const echo: Script = ({ body }) => body
const turn = () => new Promise<void>(resolve => setImmediate(resolve))
const shortStream = Buffer.concat([
  scriptedRequest(1),
  scriptedRequest(2, Buffer.from('order 4711 is paid')),
  scriptedRequest(3, Buffer.from('x'), false),
])

function idsOf(frames: readonly Buffer[]): number[] {
  return frames.map(frame => frame.readInt32BE(0))
}

t.test('requests arrive whole wherever the stream is cut', async t => {
  for (let first = 0; first <= shortStream.length; first++) {
    for (let second = first; second <= shortStream.length; second++) {
      const { socket, processor, pool, deliver } = bench(echo)
      const ends = [first, second, shortStream.length]
      let position = 0
      for (const end of ends)
        while (position < end) position += deliver(shortStream, position, end - position)
      socket.drain()
      const bodies = socket.frames.map(frame => bodyOf(frame).toString())
      if (`${processor.started}|${bodies}|${pool.outstanding.size}` !== '1,2,3|,order 4711 is paid,x|0') {
        t.fail(`cut at ${first} and ${second}: ${processor.started} ${bodies} ${pool.outstanding.size}`)
      }
    }
  }
})

t.test('requests arrive whole one byte at a time, and from memory that is not the connection’s', async t => {
  const { connection, socket, processor, pool } = bench(echo)
  for (const byte of shortStream) connection.received(Buffer.from([byte]), 1)
  const stream = Buffer.concat([shortStream, scriptedRequest(4, Buffer.alloc(600_000, 7)), shortStream])
  for (let at = 0; at < stream.length; at += 65536) {
    const piece = Buffer.from(stream.subarray(at, at + 65536))
    connection.received(piece, piece.length)
    piece.fill(0)
  }
  socket.drain()
  t.same(processor.started, [1, 2, 3, 1, 2, 3, 4, 1, 2, 3])
  t.same(idsOf(socket.frames), processor.started)
  t.ok(bodyOf(socket.frames[6]!).equals(Buffer.alloc(600_000, 7)))
  t.equal(pool.outstanding.size, 0)
})

t.test('answers of one read leave in one write', async t => {
  const { socket, deliver } = bench(echo)
  const stream = Buffer.concat(Array.from({ length: 100 }, (_, i) => scriptedRequest(i, Buffer.alloc(20))))
  deliver(stream, 0, stream.length)
  t.equal(socket.writeCalls, 1)
  t.equal(socket.written.length, 1, 'and in one piece')
  t.equal(socket.frames.length, 100)
})

t.test('answers that become ready in one turn leave in one write', async t => {
  const finish: (() => void)[] = []
  const { socket, deliver } = bench(
    () => new Promise(resolve => finish.push(() => resolve(Buffer.from('done')))),
  )
  const stream = Buffer.concat(Array.from({ length: 20 }, (_, i) => scriptedRequest(i)))
  deliver(stream, 0, stream.length)
  t.equal(finish.length, 20)
  for (const done of finish.reverse()) done()
  await turn()
  t.equal(socket.writeCalls, 1)
  t.same(
    idsOf(socket.frames),
    Array.from({ length: 20 }, (_, i) => i),
  )
})

t.test(
  'a failed answer leaves nothing of itself, what was answered before it leaves, and the rest is dropped',
  async t => {
    let released = 0
    const { connection, socket, pool, processor, deliver } = bench(({ id, body }) => {
      const write = (writer: WireWriter) => {
        writer.raw(body)
        if (id !== 2) return
        writer.records(Buffer.alloc(5000))
        writer.int8(500)
      }
      return { outcome: { write, sent: [() => released++] } }
    })
    const answer = Buffer.from([0, 0, 0, 4, 0, 0, 0, 9])
    const stream = Buffer.concat([1, 2, 3].map(id => scriptedRequest(id, answer)))
    let closes = 0
    connection.onClose(() => closes++)
    deliver(stream, 0, stream.length)
    t.same(Buffer.concat(socket.written), answer)
    t.same(processor.started, [1, 2])
    socket.drain()
    t.ok(socket.closed)
    t.equal(closes, 1)
    t.equal(released, 2)
    t.equal(pool.outstanding.size, 0)
  },
)

t.test('a processor that throws, at once or later, closes the connection and nothing else', async t => {
  for (const fails of [() => Promise.reject(new Error('later')), throwNow]) {
    const { socket, deliver } = bench(fails as Script)
    deliver(shortStream, 0, shortStream.length)
    await turn()
    socket.drain()
    t.ok(socket.closed)
    t.equal(socket.written.length, 0)
  }
  function throwNow(): never {
    throw new Error('at once')
  }
})

t.test(
  'a request that fails later closes in its turn: those before it are answered, all give memory back',
  async t => {
    const given: number[] = []
    const finish: (() => void)[] = []
    const { socket, deliver } = bench(
      ({ id }) =>
        new Promise((resolve, reject) => {
          const write = (writer: WireWriter) => writeAnswer(writer, id, Buffer.alloc(0))
          const outcome = { write, sent: [() => given.push(id)] }
          finish.push(() => (id === 2 ? reject(new Error('failed')) : resolve({ outcome })))
        }),
    )
    const stream = Buffer.concat([1, 2, 3].map(id => scriptedRequest(id)))
    deliver(stream, 0, stream.length)
    for (const i of [1, 2, 0]) {
      finish[i]!()
      await turn()
    }
    t.same(idsOf(socket.frames), [1])
    socket.drain()
    t.ok(socket.closed)
    t.same(given.sort(), [1, 3])
  },
)

t.test('an answer that closes is the last: what came after it is not started', async t => {
  const { socket, processor, deliver } = bench(({ id }) =>
    id === 1 ? turn().then(() => Buffer.from('one')) : { outcome: { closes: true } },
  )
  deliver(shortStream, 0, shortStream.length)
  t.same(processor.started, [1, 2])
  await turn()
  await turn()
  t.same(idsOf(socket.frames), [1])
  t.equal(
    deliver(shortStream, 0, shortStream.length),
    shortStream.length,
    'but read, so that nothing is reset',
  )
  t.same(processor.started, [1, 2])
  socket.drain()
  t.ok(socket.closed)
})

t.test('callbacks for an answer that is no bytes are called', async t => {
  let called = 0
  const { deliver } = bench(() => ({ outcome: { sent: [() => called++] } }))
  deliver(shortStream, 0, shortStream.length)
  t.equal(called, 3)
})

t.test('memory of an answer is given back once, and not before the bytes have left', async t => {
  const given: number[] = []
  const { socket, deliver } = bench(({ id }) => ({
    outcome: { write: writer => writer.int32(0), sent: id === 1 ? [] : [() => given.push(id)] },
  }))
  deliver(shortStream, 0, 9)
  deliver(shortStream, 9, 27)
  t.same(given, [])
  socket.drain()
  t.same(given, [2])
  deliver(shortStream, 36, 10)
  socket.destroy()
  t.same(given, [2, 3])
  socket.drain()
  t.same(given, [2, 3])
})

t.test('unsent answers hold further requests back, and reading too', async t => {
  const { socket, processor, deliver } = bench(({ id }) => Buffer.alloc(400, id), { maxQueuedBytes: 1000 })
  const stream = Buffer.concat(Array.from({ length: 100 }, (_, i) => scriptedRequest(i)))
  deliver(stream, 0, stream.length)
  t.equal(processor.started.length, 3)
  t.notOk(socket.isReading)
  socket.drain()
  t.equal(processor.started.length, 6)
  t.notOk(socket.isReading)
  for (let i = 0; i < 40; i++) socket.drain()
  t.equal(processor.started.length, 100)
  t.ok(socket.isReading)
  t.same(idsOf(socket.frames), processor.started)
})

t.test('a frame whose size is out of bounds closes the connection without an answer', async t => {
  for (const size of [-1, -2147483648, 1001, 2147483647]) {
    const head = Buffer.alloc(4)
    head.writeInt32BE(size)
    const stream = Buffer.concat([scriptedRequest(1), head, Buffer.alloc(20)])
    for (const cut of [9, 10, 12, 13, stream.length]) {
      const { socket, pool, deliver } = bench(echo, { maxFrameSize: 1000 })
      for (let at = 0; at < stream.length && !socket.closed; ) {
        at += deliver(stream, at, at < cut ? cut - at : stream.length)
        socket.drain()
      }
      t.ok(socket.closed, `size ${size}, cut at ${cut}`)
      t.same(idsOf(socket.frames), [1])
      t.equal(pool.outstanding.size, 0)
    }
  }
})

t.test('a frame’s memory grows with what arrives, not with what is announced', async t => {
  const head = Buffer.alloc(5)
  head.writeInt32BE(100 * 1024 * 1024)
  for (const cut of [1, 4, 5]) {
    const { pool, socket, deliver } = bench(echo)
    deliver(head, 0, cut)
    if (cut < 5) deliver(head, cut, 5 - cut)
    t.ok(pool.acquiredBytes <= 300 * 1024, `${pool.acquiredBytes} bytes`)
    socket.destroy()
    t.equal(pool.outstanding.size, 0)
  }
})

t.test('beyond queued.max.request.bytes large frames wait for each other, and small ones never', async t => {
  const memory = new RequestMemory(500_000)
  const large = scriptedRequest(1, Buffer.alloc(400_000, 1))
  const clients = [1, 2, 3, 4].map(() => bench(echo, {}, memory))
  const reading = () => clients.map(({ socket }) => socket.isReading)
  for (const { deliver } of clients) t.equal(deliver(large, 0, 100_000), 100_000)
  t.same(reading(), [true, false, false, false], 'the first goes on')

  const small = bench(echo, {}, memory)
  for (let at = 0; at < shortStream.length; ) at += small.deliver(shortStream, at, 5)
  t.same(small.processor.started, [1, 2, 3])

  const [first, second, third, fourth] = clients as [Bench, Bench, Bench, Bench]
  for (let at = 100_000; at < large.length; ) at += first.deliver(large, at, 100_000)
  t.same(first.processor.started, [1])
  t.same(reading(), [true, true, false, false], 'then the next')
  t.ok(memory.size < 900_000)
  second.socket.destroy()
  t.same(reading(), [true, false, true, false], 'one that goes away waits for nothing')
  for (let at = 100_000; at < large.length; ) at += third.deliver(large, at, 100_000)
  t.same(third.processor.started, [1])
  for (let at = 100_000; at < large.length; ) at += fourth.deliver(large, at, 100_000)
  t.same(fourth.processor.started, [1])
  t.equal(memory.size, 0)
  t.ok(clients.every(({ pool }) => pool.outstanding.size === 0))
})

t.test('a request that there is no room for waits, and so does what follows it', async t => {
  const { socket, processor, deliver } = bench(echo)
  let makeRoom = (): void => undefined
  processor.noRoom = new Promise(resolve => {
    makeRoom = resolve
  })
  deliver(shortStream, 0, shortStream.length)
  t.same(processor.started, [])
  t.equal(socket.isReading, false, 'nothing more is received meanwhile')
  const first = makeRoom
  processor.noRoom = new Promise(resolve => {
    makeRoom = resolve
  })
  first()
  await turn()
  t.same(processor.started, [], 'others were faster')
  processor.noRoom = undefined
  makeRoom()
  await turn()
  socket.drain()
  await turn()
  t.same(processor.started, [1, 2, 3])
  t.same(idsOf(socket.frames), [1, 2, 3])
  t.equal(socket.isReading, true)
})

t.test('a connection that closes while it waits for room starts nothing when there is some', async t => {
  const { connection, socket, processor, deliver } = bench(echo)
  let makeRoom = (): void => undefined
  processor.noRoom = new Promise(resolve => {
    makeRoom = resolve
  })
  deliver(shortStream, 0, shortStream.length)
  const closed = connection.finishAndClose(1000)
  processor.noRoom = undefined
  makeRoom()
  await turn()
  socket.drain()
  await closed
  t.same(processor.started, [])
})

t.test('announcing large frames takes nothing from those who send some', async t => {
  const memory = new RequestMemory(50_000_000)
  const head = Buffer.alloc(5)
  head.writeInt32BE(100 * 1024 * 1024)
  const idle = Array.from({ length: 100 }, () => bench(echo, {}, memory))
  for (const { deliver } of idle) deliver(head, 0, 5)
  t.ok(memory.size < 30_000_000)
  const busy = bench(echo, {}, memory)
  const large = scriptedRequest(1, Buffer.alloc(10_000_000, 1))
  for (let at = 0; at < large.length; ) at += busy.deliver(large, at, 1_000_000)
  t.same(busy.processor.started, [1])
})

t.test('any stream in any pieces, with any timing: order, content and memory hold', async t => {
  const seed = Number(process.env.OTTLA_SEED ?? Date.now() % 1_000_000)
  t.comment(`OTTLA_SEED=${seed}`)
  const random = seededRandom(seed)
  for (let round = 0; round < 150; round++) await anyStream(t, random)
})

async function anyStream(t: Test, random: SeededRandom): Promise<void> {
  const running: (() => void)[] = []
  let inFlight = 0
  let sequentialInFlight = 0
  let mostInFlight = 0
  let given = 0
  const maxInFlight = random.between(1, 8)
  const script: Script = ({ id, isPipelined, body }) => {
    if (sequentialInFlight > 0) t.fail('started while a sequential one was in flight')
    if (!isPipelined && inFlight > 0) t.fail('sequential, but started before others were answered')
    // The answer lies in memory that is overwritten once it is given back.
    const memory = Buffer.from(body)
    const outcome: Partial<Outcome> = {
      write: writer => writeAnswer(writer, id, memory),
      sent: [
        () => {
          memory.fill(0xcc)
          given++
        },
      ],
    }
    if (random.chance(0.5)) return { outcome }
    inFlight++
    mostInFlight = Math.max(mostInFlight, inFlight)
    if (!isPipelined) sequentialInFlight++
    return new Promise(resolve => {
      running.push(() => {
        inFlight--
        if (!isPipelined) sequentialInFlight--
        resolve({ outcome })
      })
    })
  }
  const limits = { maxInFlight, maxQueuedBytes: random.chance(0.5) ? 3000 : 1024 * 1024 }
  const { socket, processor, pool, memory, deliver } = bench(
    script,
    limits,
    new RequestMemory(random.chance(0.3) ? 1000 : -1),
  )
  const count = random.between(1, 40)
  const requests = Array.from({ length: count }, (_, id) => {
    const size = random.chance(0.05) ? random.between(200_000, 900_000) : random.between(0, 3000)
    return scriptedRequest(id, Buffer.alloc(size, id + 1), random.chance(0.7))
  })
  const stream = Buffer.concat(requests)
  let position = 0
  const dies = random.chance(0.2)
  for (let step = 0; step < 100_000; step++) {
    const choice = random.between(0, 3)
    if (choice < 2 && position < stream.length) {
      const size = random.chance(0.3) ? random.between(1, 8) : random.between(1, 300_000)
      position += deliver(stream, position, size)
    } else if (choice === 2) {
      socket.drain()
    } else if (running.length > 0) {
      running.splice(random.between(0, running.length - 1), 1)[0]!()
      if (random.chance(0.5)) await turn()
    } else await turn()
    if (dies && position > stream.length / 2) break
    if (given === count) break
  }
  if (dies) {
    socket.destroy()
    for (const finish of running) finish()
    await turn()
    t.equal(given, processor.started.length, 'memory of every answer was given back')
  } else {
    const { frames } = socket
    t.same(
      idsOf(frames),
      Array.from({ length: count }, (_, id) => id),
    )
    const whole = frames.every((frame, id) => bodyOf(frame).equals(requests[id]!.subarray(9)))
    t.ok(whole, 'every answer is what its request carried')
    t.ok(socket.isReading)
  }
  t.ok(mostInFlight <= maxInFlight)
  t.equal(pool.outstanding.size, 0)
  t.equal(memory.size, 0)
}
