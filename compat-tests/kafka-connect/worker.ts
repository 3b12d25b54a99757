/**
 * A cluster of Kafka Connect workers in distributed mode, of which each is a process, and their REST API. What they
 * know - connectors, offsets of sources, states - is in three compacted topics of the broker under test.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BrokerProcess, freePort } from '../../scripts/broker-process.ts'
import type { TestContext } from '../capability.ts'
import { type JavaProgram, javaProgram } from '../java-program.ts'
import { eventually } from '../wait-for.ts'

/** The newest of which all parts are on Maven Central. */
export const connectVersion = '4.3.1'
const heap = '384M'

export function connectProgram(): Promise<JavaProgram> {
  return javaProgram({
    name: `connect-${connectVersion}`,
    artifacts: ['connect-runtime', 'connect-file', 'connect-json'].map(name => {
      return ['org.apache.kafka', name, connectVersion]
    }),
    mainClass: 'org.apache.kafka.connect.cli.ConnectDistributed',
  })
}

export interface ConnectorStatus {
  connector: string
  /** State and worker of each task. */
  tasks: { state: string; worker: string }[]
}

export class ConnectCluster {
  readonly topics: Record<'configs' | 'offsets' | 'status', string>
  readonly #context: TestContext
  readonly #groupId: string

  constructor(context: TestContext) {
    this.#context = context
    this.#groupId = context.uniqueName('connect')
    this.topics = {
      configs: `${this.#groupId}-configs`,
      offsets: `${this.#groupId}-offsets`,
      status: `${this.#groupId}-status`,
    }
  }

  async startWorker(): Promise<Worker> {
    const port = await freePort()
    const settings: Record<string, string> = {
      'bootstrap.servers': this.#context.bootstrap,
      'group.id': this.#groupId,
      'config.storage.topic': this.topics.configs,
      'offset.storage.topic': this.topics.offsets,
      'status.storage.topic': this.topics.status,
      'config.storage.replication.factor': '1',
      'offset.storage.replication.factor': '1',
      'status.storage.replication.factor': '1',
      'offset.storage.partitions': '5',
      'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'offset.flush.interval.ms': '500',
      'scheduled.rebalance.max.delay.ms': '0',
      'session.timeout.ms': '6000',
      'heartbeat.interval.ms': '500',
      'rebalance.timeout.ms': '10000',
      'consumer.session.timeout.ms': '6000',
      'consumer.heartbeat.interval.ms': '500',
      'consumer.metadata.max.age.ms': '1000',
      listeners: `HTTP://127.0.0.1:${port}`,
    }
    const file = join(await this.#context.temporaryDirectory(), 'worker.properties')
    await writeFile(
      file,
      Object.entries(settings)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    )
    const program = await connectProgram()
    const process = await program.startService(this.#context, [file], {
      heap,
      readyPattern: /Kafka Connect started/,
    })
    return new Worker(`127.0.0.1:${port}`, process)
  }
}

export class Worker {
  readonly address: string
  readonly process: BrokerProcess

  constructor(address: string, process: BrokerProcess) {
    this.address = address
    this.process = process
  }

  /** Creates the connector, or gives it another configuration. */
  async configure(name: string, config: Record<string, string>): Promise<void> {
    await this.#request('PUT', `/connectors/${name}/config`, config)
  }

  async pause(name: string): Promise<void> {
    await this.#request('PUT', `/connectors/${name}/pause`)
  }

  async resume(name: string): Promise<void> {
    await this.#request('PUT', `/connectors/${name}/resume`)
  }

  async stop(name: string): Promise<void> {
    await this.#request('PUT', `/connectors/${name}/stop`)
  }

  async delete(name: string): Promise<void> {
    await this.#request('DELETE', `/connectors/${name}`)
  }

  async connectors(): Promise<string[]> {
    return ((await this.#request('GET', '/connectors')) as string[]).sort()
  }

  async offsets(name: string): Promise<{ partition: unknown; offset: Record<string, unknown> }[]> {
    const { offsets } = (await this.#request('GET', `/connectors/${name}/offsets`)) as {
      offsets: { partition: unknown; offset: Record<string, unknown> }[]
    }
    return offsets
  }

  async resetOffsets(name: string): Promise<void> {
    await this.#request('DELETE', `/connectors/${name}/offsets`)
  }

  async status(name: string): Promise<ConnectorStatus> {
    const { connector, tasks } = (await this.#request('GET', `/connectors/${name}/status`)) as {
      connector: { state: string }
      tasks: { state: string; worker_id: string }[]
    }
    return {
      connector: connector.state,
      tasks: tasks.map(({ state, worker_id }) => ({ state, worker: worker_id })),
    }
  }

  /** Until the connector and all its tasks are in this state. */
  async is(name: string, state: string): Promise<ConnectorStatus> {
    return await eventually(
      `${name} to be ${state}`,
      () => this.status(name).catch(error => ({ connector: String(error), tasks: [] })),
      found => {
        const tasks = state === 'STOPPED' ? found.tasks.length === 0 : found.tasks.length > 0
        return found.connector === state && tasks && found.tasks.every(task => task.state === state)
      },
      60_000,
    )
  }

  /** While the workers agree on who leads, they refuse to change anything; asked again then. */
  async #request(method: string, path: string, body?: object): Promise<unknown> {
    const once = async () => {
      const response = await fetch(`http://${this.address}${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
      })
      return { status: response.status, text: await response.text() }
    }
    const isFinal = ({ status }: { status: number }) => status !== 409 && status !== 503
    const { status, text } = await eventually(`${method} ${path} to be possible`, once, isFinal, 60_000)
    assert.ok(status < 300, `${method} ${path}: ${status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
}
