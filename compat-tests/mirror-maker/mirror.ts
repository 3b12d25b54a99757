/**
 * MirrorMaker 2 between the broker under test and an Apache Kafka beside it, both ways, as one process of its own
 * (`connect-mirror-maker`). The clusters are called `tested` and `other`; a topic is called after the cluster that it
 * comes from when it arrives at the other one: `tested.orders`.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startApacheKafka } from '../../scripts/apache-kafka.ts'
import type { BrokerProcess } from '../../scripts/broker-process.ts'
import type { TestContext } from '../capability.ts'
import { type JavaProgram, javaProgram } from '../java-program.ts'

/** The newest of which connect-mirror is on Maven Central. */
export const mirrorMakerVersion = '4.3.1'
const heap = '512M'

export function mirrorMakerProgram(): Promise<JavaProgram> {
  return javaProgram({
    name: `mirror-maker-${mirrorMakerVersion}`,
    artifacts: [
      ['org.apache.kafka', 'connect-mirror', mirrorMakerVersion],
      ['org.apache.kafka', 'connect-runtime', mirrorMakerVersion],
    ],
    mainClass: 'org.apache.kafka.connect.mirror.MirrorMaker',
  })
}

export type Side = 'tested' | 'other'

export class Mirror {
  /** Contexts of the two clusters: what the clients of these tests connect to. */
  readonly sides: Record<Side, TestContext>
  readonly #context: TestContext
  readonly #prefix: string
  #settingsFile: string | undefined

  private constructor(context: TestContext, otherBootstrap: string) {
    this.#context = context
    this.#prefix = context.uniqueName('mirrored')
    this.sides = { tested: context, other: { ...context, bootstrap: otherBootstrap } }
  }

  /** Starts the other cluster; nothing is mirrored yet. */
  static async prepare(context: TestContext): Promise<Mirror> {
    const other = await startApacheKafka({ signal: context.signal, heap: '512M' })
    context.cleanUp(async () => {
      await other.kill9()
      await other.stop()
    })
    return new Mirror(context, other.bootstrap)
  }

  /** A name for a topic or group that is mirrored. */
  name(label: string): string {
    return `${this.#prefix}-${label}`
  }

  async start(): Promise<BrokerProcess> {
    this.#settingsFile ??= await this.#writeSettings()
    const program = await mirrorMakerProgram()
    const service = await program.startService(this.#context, [this.#settingsFile], {
      heap,
      readyPattern: /Kafka MirrorMaker started/,
    })
    assert.ok(service.pid > 0)
    return service
  }

  async #writeSettings(): Promise<string> {
    const ways = ['tested->other', 'other->tested']
    const settings: Record<string, string> = {
      clusters: 'tested, other',
      'tested.bootstrap.servers': this.sides.tested.bootstrap,
      'other.bootstrap.servers': this.sides.other.bootstrap,
      ...Object.fromEntries(
        ways.flatMap(way => [
          [`${way}.enabled`, 'true'],
          [`${way}.topics`, `${this.#prefix}-.*`],
          [`${way}.groups`, `${this.#prefix}-.*`],
          [`${way}.sync.group.offsets.enabled`, 'true'],
          [`${way}.sync.topic.acls.enabled`, 'false'],
        ]),
      ),
      'replication.factor': '1',
      'checkpoints.topic.replication.factor': '1',
      'heartbeats.topic.replication.factor': '1',
      'offset-syncs.topic.replication.factor': '1',
      'offset.storage.replication.factor': '1',
      'status.storage.replication.factor': '1',
      'config.storage.replication.factor': '1',
      'refresh.topics.interval.seconds': '1',
      'refresh.groups.interval.seconds': '1',
      'sync.topic.configs.interval.seconds': '1',
      'sync.group.offsets.interval.seconds': '1',
      'emit.checkpoints.interval.seconds': '1',
      'emit.heartbeats.interval.seconds': '1',
      'offset.flush.interval.ms': '500',
      'offset.lag.max': '0',
      'scheduled.rebalance.max.delay.ms': '0',
      'session.timeout.ms': '6000',
      'heartbeat.interval.ms': '500',
      'consumer.auto.offset.reset': 'earliest',
    }
    const file = join(await this.#context.temporaryDirectory(), 'mirror-maker.properties')
    await writeFile(
      file,
      Object.entries(settings)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    )
    return file
  }
}
