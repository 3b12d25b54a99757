/**
 * The Apache Kafka that the broker under test is held against: the newest release for what it serves, and the last one
 * before 4.0 for the versions that 4.0 removed. Each starts when it is first needed, with the settings of the broker
 * under test; two would be a lot of memory for nothing where a run is about the newest versions only.
 */
import { resolve } from 'node:path'
import {
  apacheKafkaBeforeRemovals,
  apacheKafkaVersion,
  installApacheKafka,
  startApacheKafka,
} from '../../scripts/apache-kafka.ts'
import type { RunningBroker } from '../../scripts/broker-process.ts'
import { compiled } from '../java-program.ts'
import { type ApiName, apiNamed } from './apis.ts'
import { Stage } from './stage.ts'

export interface Range {
  readonly first: number
  readonly last: number
}
export type Served = ReadonlyMap<ApiName, Range>

export interface Control {
  readonly release: string
  readonly stage: Stage
  readonly served: Served
}

/** What 4.x advertises for the sake of old clients' guesses, and refuses (KAFKA-18659). */
const firstProduceOf4 = 3

/** It makes Kafka ask clients for metrics. */
const telemetryReceiver = resolve('compat-tests', 'differential', 'TelemetryReceiver.java')

export class Controls {
  private readonly settings: Record<string, string>
  private readonly brokers: RunningBroker[] = []
  private newest: Promise<Control> | undefined
  private old: Promise<Control> | undefined

  constructor(settings: Record<string, string>) {
    this.settings = settings
  }

  ofNewest(): Promise<Control> {
    this.newest ??= this.start(apacheKafkaVersion)
    return this.newest
  }

  beforeRemovals(): Promise<Control> {
    this.old ??= this.start(apacheKafkaBeforeRemovals)
    return this.old
  }

  async stop(): Promise<void> {
    for (const broker of this.brokers.splice(0)) await broker.stop()
  }

  private async start(release: string): Promise<Control> {
    const home = await installApacheKafka(release)
    const broker = await startApacheKafka({
      version: release,
      overrides: { ...this.settings, 'metric.reporters': 'TelemetryReceiver' },
      classes: [await compiled(home, `differential-${release}`, [telemetryReceiver])],
      heap: '512M',
    })
    this.brokers.push(broker)
    const stage = await Stage.open(`Apache Kafka ${release}`, broker.bootstrap)
    const served = new Map(await servedBy(stage))
    const produce = served.get('Produce')!
    if (!release.startsWith('3.')) served.set('Produce', { ...produce, first: firstProduceOf4 })
    return { release, stage, served }
  }
}

/** What a broker advertises. Every API must be known here. */
export async function servedBy(stage: Stage): Promise<Served> {
  const served = new Map<ApiName, Range>()
  for (const { apiKey, minVersion, maxVersion } of (await stage.ask('ApiVersions', 4, clientSoftware))
    .apiKeys) {
    const name = apiNamed(apiKey)
    if (name !== undefined) served.set(name, { first: minVersion, last: maxVersion })
  }
  return served
}

const clientSoftware = { clientSoftwareName: 'differential', clientSoftwareVersion: '1' }
