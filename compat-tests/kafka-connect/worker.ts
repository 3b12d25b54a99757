/**
 * Kafka Connect: a worker by itself, or a cluster of workers in distributed mode, each of them a process, and their
 * REST API. What a cluster knows - connectors, offsets of sources, states - is in three compacted topics of the broker
 * under test.
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

export function connectProgram(mode: 'ConnectDistributed' | 'ConnectStandalone'): Promise<JavaProgram> {
  return javaProgram({
    name: `connect-${connectVersion}`,
    artifacts: ['connect-runtime', 'connect-file', 'connect-json'].map(name => {
      return ['org.apache.kafka', name, connectVersion]
    }),
    mainClass: `org.apache.kafka.connect.cli.${mode}`,
  })
}

/** What both modes are told. */
function commonSettings(context: TestContext, port: number): Record<string, string> {
  return {
    'bootstrap.servers': context.bootstrap,
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'offset.flush.interval.ms': '500',
    'consumer.session.timeout.ms': '6000',
    'consumer.heartbeat.interval.ms': '500',
    'consumer.metadata.max.age.ms': '1000',
    listeners: `HTTP://127.0.0.1:${port}`,
  }
}

async function propertiesFile(context: TestContext, settings: Record<string, string>): Promise<string> {
  const file = join(await context.temporaryDirectory(), 'settings.properties')
  await writeFile(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
  return file
}

async function startProcess(
  context: TestContext,
  mode: 'ConnectDistributed' | 'ConnectStandalone',
  files: string[],
): Promise<BrokerProcess> {
  const program = await connectProgram(mode)
  return await program.startService(context, files, { heap, readyPattern: /Kafka Connect started/ })
}

/** A worker by itself, which keeps its sources' offsets in a file. */
export async function startStandalone(
  context: TestContext,
  connectors: Record<string, Record<string, string>>,
): Promise<BrokerProcess> {
  const offsetsFile = join(await context.temporaryDirectory(), 'offsets')
  const worker = { ...commonSettings(context, await freePort()), 'offset.storage.file.filename': offsetsFile }
  const files = [await propertiesFile(context, worker)]
  for (const [name, config] of Object.entries(connectors))
    files.push(await propertiesFile(context, { name, ...config }))
  return await startProcess(context, 'ConnectStandalone', files)
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
    const settings = {
      ...commonSettings(this.#context, port),
      'group.id': this.#groupId,
      'config.storage.topic': this.topics.configs,
      'offset.storage.topic': this.topics.offsets,
      'status.storage.topic': this.topics.status,
      'config.storage.replication.factor': '1',
      'offset.storage.replication.factor': '1',
      'status.storage.replication.factor': '1',
      'offset.storage.partitions': '5',
      'scheduled.rebalance.max.delay.ms': '0',
      'session.timeout.ms': '6000',
      'heartbeat.interval.ms': '500',
      'rebalance.timeout.ms': '10000',
    }
    const file = await propertiesFile(this.#context, settings)
    const process = await startProcess(this.#context, 'ConnectDistributed', [file])
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
