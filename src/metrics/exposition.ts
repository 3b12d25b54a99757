/**
 * The metrics of one broker as the text that Prometheus reads, under the names that the JMX exporter gives Kafka's
 * and that kafka_exporter has. This file loads prom-client, which takes a while, so it is imported when it can wait.
 *
 * Many partitions make a long text. It is written in pieces, and between pieces the event loop gets its turn, so a
 * scrape keeps nobody waiting for long; what one scrape says is therefore not all of the same instant.
 */
import { collectDefaultMetrics, type Metric, Registry } from 'prom-client'
import { brokerFamilies } from './broker-families.ts'
import { clientFamilies, telemetryFamilies } from './client-families.ts'
import type { Family, Sample } from './family.ts'
import { groupFamilies } from './group-families.ts'
import { logDirectoryFamilies } from './log-directory-families.ts'
import { requestFamilies } from './request-families.ts'
import { runtimeFamilies } from './runtime-families.ts'
import { gather, type Scrape } from './scrape.ts'
import type { MetricSources } from './sources.ts'
import { Stretch } from './stretch.ts'
import { topicFamilies } from './topic-families.ts'

/** Samples of a piece: in the first scrape, before the code is optimized, some milliseconds' worth. */
const samplesPerPiece = 250

export interface Exposition {
  readonly contentType: string
  /** The text in pieces. */
  scrape(): Promise<Buffer[]>
  stop(): void
}

export function exposition(sources: MetricSources, options: { ofProcess: boolean }): Exposition {
  const registry = new Registry()
  const runtime = runtimeFamilies(sources)
  const ours = [
    ...topicFamilies(),
    ...requestFamilies(sources),
    ...brokerFamilies(),
    ...logDirectoryFamilies(),
    ...groupFamilies(),
    ...telemetryFamilies(sources.telemetry),
    ...runtime.families,
  ].map(family => new PiecedMetric(family, registry))
  const names = new Set(ours.map(({ name }) => name))
  if (options.ofProcess) collectDefaultMetrics({ register: registry })
  const ofProcess = registry.getMetricsAsArray().filter(({ name }) => !names.has(name))

  return {
    contentType: registry.contentType,
    async scrape() {
      const pieces: Buffer[] = []
      const stretch = new Stretch()
      const scrape = await gather(sources)
      await stretch.breathe()
      for (const metric of ours) {
        for await (const text of metric.texts(scrape)) {
          pieces.push(Buffer.from(`${text}\n`))
          await stretch.breathe()
        }
      }
      const pushed = new Registry()
      for (const family of clientFamilies(sources.telemetry)) {
        for await (const text of new PiecedMetric(family, pushed).texts(scrape)) {
          pieces.push(Buffer.from(`${text}\n`))
          await stretch.breathe()
        }
      }
      for (const { name } of ofProcess) {
        pieces.push(Buffer.from(`${await registry.getSingleMetricAsString(name)}\n`))
        await stretch.breathe()
      }
      return pieces
    },
    stop() {
      runtime.stop()
      registry.clear()
    },
  }
}

/** A family as one of the registry's metrics, which is asked for one piece of its samples after the other. */
class PiecedMetric {
  readonly name: string
  private readonly family: Family
  private readonly registry: Registry
  private values: readonly Sample[] = []

  constructor(family: Family, registry: Registry) {
    this.name = family.name
    this.family = family
    this.registry = registry
    // Of a metric the registry wants `name` and `get`; its type names the classes that prom-client has.
    registry.registerMetric(this as unknown as Metric)
  }

  async get() {
    const { name, help, type } = this.family
    return { name, help, type, values: this.values }
  }

  async *texts(scrape: Scrape): AsyncGenerator<string> {
    let isFirst = true
    for (const piece of inPieces(this.family.samples(scrape))) {
      this.values = piece
      const text = await this.registry.getSingleMetricAsString(this.name)
      yield isFirst ? text : withoutHead(text)
      isFirst = false
    }
    this.values = []
  }
}

/** prom-client opens every piece with two lines of comments, which may stand only once. */
function withoutHead(text: string): string {
  return text.slice(text.indexOf('\n', text.indexOf('\n') + 1) + 1)
}

/** One piece at least, which may be empty. */
function* inPieces(samples: Iterable<Sample>): Generator<Sample[]> {
  let piece: Sample[] = []
  for (const sample of samples) {
    if (piece.length === samplesPerPiece) {
      yield piece
      piece = []
    }
    piece.push(sample)
  }
  yield piece
}
