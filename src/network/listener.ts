/**
 * Accepts connections on one address. Received bytes go to one buffer that all connections share, and
 * are consumed before the next read, unless a connection has an unfinished frame of its own to fill.
 * `net.Server` cannot be told where to receive, so each accepted handle is wrapped again in a socket
 * that can (`onread`); the wrapping is the one use of an undocumented property, `_handle`.
 */
import { createServer, type OnReadOpts, type Server, Socket, type SocketConstructorOpts } from 'node:net'
import type { BufferPool } from '../platform/buffer-pool.ts'
import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { ListenerAddress } from '../settings/listener-syntax.ts'
import { Connection, type ConnectionLimits, type RequestProcessor } from './connection.ts'
import { plainAddress } from './plain-address.ts'

export interface ListenerLimits extends ConnectionLimits {
  readonly maxIdleMs: number
}

export interface Listener {
  readonly name: string
  readonly host: string
  /** The port that was bound, also when any free one was asked for. */
  readonly port: number
  readonly connectionCount: number
  /** Accepts nothing more. */
  stopAccepting(): void
  /** Lets every connection finish what it started, then closes it. */
  close(timeoutMs: number): Promise<void>
}

/** Read at most so many bytes at once: several produce requests, still within a core's cache. */
const receiveBufferSize = 256 * 1024
let sharedReceiveBuffer: Buffer | undefined
let connectionCounter = 0

export async function listen(
  address: ListenerAddress,
  processor: RequestProcessor,
  limits: ListenerLimits,
  tools: { clock: Clock; logger: Logger; pool: BufferPool; budget: ConnectionBudget },
): Promise<Listener> {
  const { clock, logger, budget } = tools
  sharedReceiveBuffer ??= Buffer.allocUnsafeSlow(receiveBufferSize)
  const shared = sharedReceiveBuffer
  const connections = new Set<Connection>()

  const server: Server = createServer({ pauseOnConnect: true, noDelay: true }, accepted => {
    const clientHost = plainAddress(accepted.remoteAddress)
    const release = budget.take(clientHost)
    if (release === undefined) {
      logger.warn({ client: clientHost, listener: address.name }, 'too many connections; refusing this one')
      accepted.destroy()
      return
    }
    const facts = {
      id: `${plainAddress(accepted.localAddress)}:${accepted.localPort}-${clientHost}:${accepted.remotePort}-${connectionCounter++}`,
      listenerName: address.name,
      clientHost,
      localAddress: plainAddress(accepted.localAddress),
      localPort: accepted.localPort ?? address.port,
    }
    const options: SocketConstructorOpts & { handle: unknown; onread: OnReadOpts } = {
      handle: (accepted as unknown as { _handle: unknown })._handle,
      onread: {
        buffer: () => connection?.receiveTarget() ?? shared,
        callback: (size, buffer) => connection.received(buffer as Buffer, size),
      },
    }
    let connection: Connection
    const socket = new Socket(options)
    connection = new Connection(socket, facts, processor, limits, {
      pool: tools.pool,
      logger,
      now: clock.now,
    })
    connections.add(connection)
    socket.on('error', error => {
      logger.debug({ client: clientHost, err: error }, 'connection failed')
    })
    socket.on('close', () => {
      connections.delete(connection)
      release()
      connection.closed()
    })
    ;(accepted as unknown as { _handle: unknown })._handle = null
    socket.resume()
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(
      { host: address.host === '' ? undefined : address.host, port: address.port, backlog: 1024 },
      () => {
        server.off('error', reject)
        resolve()
      },
    )
  })
  server.on('error', error => logger.error({ err: error }, 'listener failed'))
  const bound = server.address() as { address: string; port: number }

  let idleTimer: Timer | undefined
  const closeIdle = (): void => {
    const limit = clock.now() - limits.maxIdleMs
    for (const connection of connections) {
      if (connection.isIdle && connection.lastActiveMs <= limit) connection.close()
    }
    idleTimer = clock.after(Math.max(1000, limits.maxIdleMs / 10), closeIdle)
  }
  if (limits.maxIdleMs > 0) closeIdle()

  return {
    name: address.name,
    host: bound.address,
    port: bound.port,
    get connectionCount() {
      return connections.size
    },
    stopAccepting() {
      idleTimer?.cancel()
      server.close()
    },
    async close(timeoutMs) {
      await Promise.all([...connections].map(connection => connection.finishAndClose(timeoutMs)))
    },
  }
}

/** How many connections there may be, in all and from one address. */
export class ConnectionBudget {
  private readonly max: number
  private readonly maxPerIp: number
  private readonly overrides: ReadonlyMap<string, number>
  private total = 0
  private readonly perIp = new Map<string, number>()

  constructor(max: number, maxPerIp: number, overrides: ReadonlyMap<string, number>) {
    this.max = max
    this.maxPerIp = maxPerIp
    this.overrides = overrides
  }

  /** Counts a connection in and gives the function that counts it out; undefined when there is no room. */
  take(ip: string): (() => void) | undefined {
    const count = this.perIp.get(ip) ?? 0
    if (this.total >= this.max || count >= (this.overrides.get(ip) ?? this.maxPerIp)) return undefined
    this.total++
    this.perIp.set(ip, count + 1)
    return () => {
      this.total--
      const left = (this.perIp.get(ip) ?? 1) - 1
      if (left === 0) this.perIp.delete(ip)
      else this.perIp.set(ip, left)
    }
  }
}
