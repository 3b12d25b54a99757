/**
 * The HTTP port for those who watch the broker: `/metrics` for Prometheus; `/livez`, `/health/live` and `/healthz` (the
 * process answers); `/readyz` and `/health/ready` (clients are served; 503 while the broker starts and when it is
 * stopping). Everything else is 404. The port is open before the data directory is, because reading that may take long.
 *
 * prom-client takes tens of milliseconds to load, in one go: neither the start nor the first scrape should have to
 * wait for it, so it is loaded a little after the start. Scrapes that come together share one answer.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { clearTimeout, setTimeout } from 'node:timers'
import type { Logger } from '../platform/logger.ts'
import type { Exposition } from './exposition.ts'
import type { MetricSources } from './sources.ts'
import { Stretch } from './stretch.ts'

/** What whoever starts a broker may say about its metrics; where they are is in the settings. */
export interface MetricsOptions {
  /** The port was asked for, so a broker that cannot have it does not start; else it goes on without metrics. */
  readonly portIsRequired?: boolean
  /** With Node's own metrics, for a broker that has the process to itself. */
  readonly ofProcess?: boolean
}

export interface MetricsServerOptions extends MetricsOptions {
  /** Empty: every interface. */
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly logger: Logger
}

export interface MetricsServer {
  readonly port: number
  /** Clients are served from now on; what is to be measured is there. */
  started(sources: MetricSources): void
  close(): void
}

const maxConnectionCount = 100
/** How long after the start the exposition is loaded, unless somebody asks for it before. */
const loadDelayMs = 500
const plainText = 'text/plain; charset=utf-8'

/** Undefined: the port is not to be had, and was not required. */
export async function serveMetrics(options: MetricsServerOptions): Promise<MetricsServer | undefined> {
  const { logger } = options
  const pages = new Pages(options)
  const server = createServer((request, response) => {
    pages.answer(request, response).catch(error => {
      logger.error({ err: error, url: request.url }, 'a request for metrics failed')
      send(response, 500, 'The metrics could not be gathered.\n')
    })
  })
  server.maxConnections = maxConnectionCount
  try {
    await bind(server, options)
  } catch (error) {
    if (options.portIsRequired) throw error
    const { message } = error as Error
    logger.warn(`Going on without metrics (metrics.port sets another port, -1 turns them off): ${message}`)
    return undefined
  }
  server.on('error', error => logger.error({ err: error }, 'the metrics port failed'))
  const { port } = server.address() as AddressInfo
  logger.info({ port }, 'Serving metrics')
  return {
    port,
    started: sources => pages.started(sources),
    close() {
      server.close()
      server.closeAllConnections()
      pages.close()
    },
  }
}

class Pages {
  private readonly logger: Logger
  private readonly ofProcess: boolean
  private sources: MetricSources | undefined
  private exposition: Promise<Exposition> | undefined
  private scrape: Promise<Buffer[]> | undefined
  private loadTimer: NodeJS.Timeout | undefined
  private isClosed = false

  constructor({ logger, ofProcess = false }: MetricsServerOptions) {
    this.logger = logger
    this.ofProcess = ofProcess
  }

  started(sources: MetricSources): void {
    this.sources = sources
    this.loadTimer = setTimeout(() => {
      this.load(sources).catch(error => this.logger.error({ err: error }, 'the metrics could not be loaded'))
    }, loadDelayMs).unref()
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?', 1)[0]
    const known = request.method === 'GET' || request.method === 'HEAD' ? path : undefined
    const { sources } = this
    switch (known) {
      case '/metrics': {
        if (sources === undefined) {
          send(response, 503, 'starting\n')
          break
        }
        const exposition = await this.load(sources)
        this.scrape ??= exposition.scrape().finally(() => {
          this.scrape = undefined
        })
        await sendPieces(response, await this.scrape, exposition.contentType)
        break
      }
      case '/livez':
      case '/health/live':
      case '/healthz':
        send(response, 200, 'live\n')
        break
      case '/readyz':
      case '/health/ready':
        if (sources === undefined) send(response, 503, 'starting\n')
        else if (sources.isStopping()) send(response, 503, 'stopping\n')
        else send(response, 200, 'ready\n')
        break
      default:
        send(
          response,
          404,
          'There are /metrics, /livez, /readyz, /healthz, /health/live and /health/ready.\n',
        )
    }
  }

  private load(sources: MetricSources): Promise<Exposition> {
    clearTimeout(this.loadTimer)
    this.exposition ??= import('./exposition.ts').then(({ exposition }) => {
      const loaded = exposition(sources, { ofProcess: this.ofProcess })
      if (this.isClosed) loaded.stop()
      return loaded
    })
    return this.exposition
  }

  close(): void {
    this.isClosed = true
    clearTimeout(this.loadTimer)
    this.exposition?.then(
      exposition => exposition.stop(),
      () => undefined,
    )
  }
}

function send(response: ServerResponse, status: number, body: string): void {
  if (response.headersSent) return
  response.writeHead(status, headersOf(plainText, Buffer.byteLength(body)))
  // Node leaves the body out where the request was HEAD.
  response.end(body)
}

/** One after the other as they are taken: sending holds the event loop as well. */
async function sendPieces(
  response: ServerResponse,
  pieces: readonly Buffer[],
  contentType: string,
): Promise<void> {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0)
  response.writeHead(200, headersOf(contentType, size))
  try {
    await pipeline(Readable.from(unhurried(pieces)), response)
  } catch (error) {
    // Whoever asked is gone.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  }
}

async function* unhurried(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  const stretch = new Stretch()
  for (const piece of pieces) {
    yield piece
    await stretch.breathe()
  }
}

function headersOf(contentType: string, size: number) {
  return { 'content-type': contentType, 'content-length': size, 'cache-control': 'no-store' }
}

async function bind(server: Server, { host, port }: MetricsServerOptions): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: host === '' ? undefined : host, port }, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason = code === 'EADDRINUSE' ? 'it is in use; is another broker running?' : message
    const place = host === '' ? '' : ` of ${host}`
    throw new Error(`Cannot serve metrics on port ${port}${place}: ${reason}`, { cause: error })
  }
}
