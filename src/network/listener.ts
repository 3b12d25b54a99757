/**
 * Accepts connections on one address. Received bytes go to one buffer that all connections share, and
 * are consumed before the next read, unless a connection has an unfinished frame of its own to fill.
 * `net.Server` cannot be told where to receive, so each accepted handle is wrapped again in a socket
 * that can (`onread`); the wrapping is the one use of an undocumented property, `_handle`.
 */
import {
  type AddressInfo,
  createServer,
  type OnReadOpts,
  type Server,
  Socket,
  type SocketConstructorOpts,
} from 'node:net'
import { SocketTraffic } from '../metrics/traffic.ts'
import type { Timer } from '../platform/clock.ts'
import type { RequestProcessor } from '../requests/request-processor.ts'
import type { ListenerAddress } from '../settings/listener-syntax.ts'
import { Connection, type ConnectionLimits, type ConnectionTools } from './connection.ts'
import type { ConnectionBudget } from './connection-budget.ts'
import { plainAddress } from './plain-address.ts'

export interface ListenerLimits extends ConnectionLimits {
  /** 0 or less: connections may be idle for ever. */
  readonly maxIdleMs: number
  /** Connections that the operating system keeps for us until they are accepted. */
  readonly maxBacklogCount: number
}

export interface ListenerTools extends ConnectionTools {
  readonly budget: ConnectionBudget
}

export interface Listener {
  readonly name: string
  readonly host: string
  /** The port that was bound, also when any free one was asked for. */
  readonly port: number
  readonly connectionCount: number
  /** Over all connections: requests that were started and not answered, and such that wait to be started. */
  readonly inFlightCount: number
  readonly waitingCount: number
  readonly traffic: SocketTraffic
  /** Accepts nothing more. */
  stopAccepting(): void
  /** Lets every connection finish what it started, then closes it. */
  close(timeoutMs: number): Promise<void>
}

/** Read at most so many bytes at once: several produce requests, still within a core's cache. */
const receiveBufferSize = 256 * 1024
/** A client that vanished without a word is noticed though it has nothing to be sent: a parked fetch, a join. */
const keepAliveInitialDelay = 60_000
const refusalReportIntervalMs = 10_000
let sharedReceiveBuffer: Buffer | undefined
let connectionCounter = 0

type AcceptedSocket = Socket & { _handle?: unknown }

export async function listen(
  address: ListenerAddress,
  processor: RequestProcessor,
  limits: ListenerLimits,
  tools: ListenerTools,
): Promise<Listener> {
  const traffic = new SocketTraffic()
  const connectionTools = { ...tools, traffic }
  const { clock, logger, budget } = tools
  sharedReceiveBuffer ??= Buffer.allocUnsafeSlow(receiveBufferSize)
  const shared = sharedReceiveBuffer
  const connections = new Set<Connection>()

  // Who is refused comes again at once, and is not to fill the disk with log lines.
  let reportedMs = Number.NEGATIVE_INFINITY
  let reportedCount = 0
  const reportRefusal = (client: string): void => {
    if (clock.monotonic() - reportedMs < refusalReportIntervalMs) return
    reportedMs = clock.monotonic()
    const count = traffic.refusedConnections - reportedCount
    reportedCount = traffic.refusedConnections
    logger.warn({ client, listener: address.name, count }, 'too many connections; new ones are refused')
  }

  const serverOptions = { pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay }
  const server = createServer(serverOptions, (accepted: AcceptedSocket) => {
    const clientHost = plainAddress(accepted.remoteAddress)
    const release = budget.take(clientHost)
    if (release === undefined) {
      traffic.refusedConnections++
      accepted.destroy()
      reportRefusal(clientHost)
      return
    }
    const localAddress = plainAddress(accepted.localAddress)
    const facts = {
      id: `${localAddress}:${accepted.localPort}-${clientHost}:${accepted.remotePort}-${connectionCounter++}`,
      listenerName: address.name,
      clientHost,
      clientPort: accepted.remotePort ?? 0,
      localAddress,
      localPort: accepted.localPort ?? bound.port,
    }
    let connection: Connection | undefined
    const options: SocketConstructorOpts & { handle: unknown; onread: OnReadOpts } = {
      handle: accepted._handle,
      onread: {
        buffer: () => connection?.receiveTarget() ?? shared,
        callback: (size, buffer) => connection!.received(buffer as Buffer, size),
      },
    }
    // From here on the handle belongs to the new socket alone.
    accepted._handle = null
    const socket = new Socket(options)
    connection = new Connection(socket, facts, processor, limits, connectionTools)
    connections.add(connection)
    traffic.connectionCreations++
    socket.once('close', () => {
      connections.delete(connection!)
      release()
    })
    socket.resume()
  })
  const bound = await bind(server, address, limits.maxBacklogCount)
  server.on('error', error => logger.error({ err: error, listener: address.name }, 'listener failed'))

  let idleTimer: Timer | undefined
  const closeIdle = (): void => {
    const limit = clock.monotonic() - limits.maxIdleMs
    for (const connection of connections) connection.closeIfIdleSince(limit)
    idleTimer = clock.after(Math.max(1000, limits.maxIdleMs / 10), closeIdle)
  }
  if (limits.maxIdleMs > 0) closeIdle()

  return {
    name: address.name,
    host: bound.address,
    port: bound.port,
    traffic,
    get connectionCount() {
      return connections.size
    },
    get inFlightCount() {
      let count = 0
      for (const connection of connections) count += connection.inFlightCount
      return count
    },
    get waitingCount() {
      let count = 0
      for (const connection of connections) count += connection.waitingCount
      return count
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

/** Listens, or fails with a sentence that says where and why not. */
async function bind(server: Server, { name, host, port }: ListenerAddress, backlog: number) {
  const options = { host: host === '' ? undefined : host, port, backlog }
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(options, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const place = `${name}://${host.includes(':') ? `[${host}]` : host}:${port}`
    const reason = reasons.get(code ?? '') ?? message
    throw Object.assign(new Error(`Cannot listen on ${place}: ${reason}`, { cause: error }), { code })
  }
  return server.address() as AddressInfo
}

const reasons: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'the port is in use; is another broker running?'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['EACCES', 'this user may not listen on that port'],
  ['ENOTFOUND', 'the host name is not known'],
])
