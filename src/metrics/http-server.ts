/**
 * The HTTP port for those who watch the broker: `/metrics` for Prometheus, `/livez` and `/health/live` (the process
 * answers), `/readyz` and `/health/ready` (clients are served; 503 once the broker is stopping). Everything else is
 * 404. No more is loaded than this until somebody asks for metrics; scrapes that come together share one answer.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from '../platform/logger.ts'
import type { BrokerMetrics } from './registry.ts'
import type { MetricSources } from './sources.ts'

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
  close(): void
}

const maxConnectionCount = 100
const plainText = 'text/plain; charset=utf-8'

/** Undefined: the port is not to be had, and was not required. */
export async function serveMetrics(
  sources: MetricSources,
  options: MetricsServerOptions,
): Promise<MetricsServer | undefined> {
  const { logger } = options
  const pages = new Pages(sources, options)
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
    close() {
      server.close()
      server.closeAllConnections()
      pages.close()
    },
  }
}

class Pages {
  private readonly sources: MetricSources
  private readonly ofProcess: boolean
  private metrics: Promise<BrokerMetrics> | undefined
  private scrape: Promise<string> | undefined
  private isClosed = false

  constructor(sources: MetricSources, { ofProcess = false }: MetricsServerOptions) {
    this.sources = sources
    this.ofProcess = ofProcess
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?', 1)[0]
    const known = request.method === 'GET' || request.method === 'HEAD' ? path : undefined
    switch (known) {
      case '/metrics': {
        this.metrics ??= this.load()
        const metrics = await this.metrics
        this.scrape ??= metrics.scrape().finally(() => {
          this.scrape = undefined
        })
        send(response, 200, await this.scrape, metrics.contentType)
        break
      }
      case '/livez':
      case '/health/live':
        send(response, 200, 'live\n')
        break
      case '/readyz':
      case '/health/ready':
        if (this.sources.isStopping()) send(response, 503, 'stopping\n')
        else send(response, 200, 'ready\n')
        break
      default:
        send(response, 404, 'There are /metrics, /livez, /readyz, /health/live and /health/ready.\n')
    }
  }

  private async load(): Promise<BrokerMetrics> {
    const { brokerMetrics } = await import('./registry.ts')
    const metrics = brokerMetrics(this.sources, { ofProcess: this.ofProcess })
    if (this.isClosed) metrics.stop()
    return metrics
  }

  close(): void {
    this.isClosed = true
    this.metrics?.then(
      metrics => metrics.stop(),
      () => undefined,
    )
  }
}

function send(response: ServerResponse, status: number, body: string, contentType = plainText): void {
  if (response.headersSent) return
  const length = Buffer.byteLength(body)
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': length,
    'cache-control': 'no-store',
  })
  // Node leaves the body out where the request was HEAD.
  response.end(body)
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
