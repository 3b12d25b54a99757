/**
 * A broker that scenarios are played to, and what playing needs of it beside the scenario's own requests: that it
 * coordinates groups, that it has heard of what its controller has decided, and which id it gave a topic.
 *
 * Kafka's controller answers before its broker knows. A `settle` alters a configuration of one topic and waits until
 * the broker tells it, twice: changes come to the broker in order, and when the second is seen, everything that came
 * with the first has been carried out.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type ApiName, apis, type RequestOf } from './apis.ts'
import { WireConnection } from './wire-connection.ts'

const fence = 'fence'
const patienceMs = 30_000
const pauseMs = 5
const coordinatorErrors = new Set([14, 15, 16])
/** So many that each of the 50 partitions of `__consumer_offsets` has some. */
const groupsAsked = 500

export class Stage {
  readonly name: string
  readonly host: string
  readonly port: number
  clusterId = ''
  private side: WireConnection | undefined
  private fences = 0
  private current: Promise<void> = Promise.resolve()
  private next: Promise<void> | undefined

  private constructor(name: string, bootstrap: string) {
    const [, host, port] = /^(.+):(\d+)$/.exec(bootstrap)!
    this.name = name
    this.host = host!
    this.port = Number(port)
  }

  static async open(name: string, bootstrap: string): Promise<Stage> {
    const stage = new Stage(name, bootstrap)
    const cluster = await stage.ask('DescribeCluster', 0, {})
    stage.clusterId = cluster.clusterId
    const topics = [{ name: fence, numPartitions: 1, replicationFactor: 1 }]
    await stage.ask('CreateTopics', 5, { topics, timeoutMs: patienceMs })
    await stage.settle()
    await stage.becomeCoordinator()
    const producer = { transactionalId: null, transactionTimeoutMs: 60_000 }
    const hasIds = async () => (await stage.ask('InitProducerId', 0, producer)).errorCode === 0
    await stage.askUntil(hasIds, 'gives out producer ids')
    return stage
  }

  connect(): Promise<WireConnection> {
    return WireConnection.open(this.host, this.port)
  }

  /** Asks on a connection of its own; the answer is there, or it is an error. */
  // biome-ignore lint/suspicious/noExplicitAny: whoever asks knows what the answer is
  async ask<N extends ApiName>(api: N, version: number, request: RequestOf<N>): Promise<any> {
    if (this.side?.isOpen !== true) this.side = await this.connect()
    const outcome = await this.side.send(apis[api], version, request, 'stage', patienceMs)
    if (outcome.kind === 'answer') return outcome.value
    throw new Error(`${this.name} answers ${api} with ${outcome.kind}`)
  }

  /** Who asks while one is under way shares the next. */
  settle(): Promise<void> {
    const settled = this.next ?? this.current.then(() => this.passFences())
    if (this.next === undefined) {
      this.next = settled
      const begun = this.current.then(() => {
        this.current = settled
        this.next = undefined
      })
      void begun
    }
    return settled
  }

  private async passFences(): Promise<void> {
    for (let time = 0; time < 2; time++) {
      const value = String(600_000 + ++this.fences)
      const configs = [{ name: 'retention.ms', configOperation: 0, value }]
      const resource = { resourceType: 2, resourceName: fence }
      await this.ask('IncrementalAlterConfigs', 1, {
        resources: [{ ...resource, configs }],
        validateOnly: false,
      })
      const seen = { resources: [{ ...resource, configurationKeys: ['retention.ms'] }] }
      await this.askUntil(
        async () => (await this.ask('DescribeConfigs', 1, seen)).results[0]?.configs?.[0]?.value === value,
        'tells a configuration that was altered',
      )
    }
  }

  async topicId(topic: string): Promise<string | undefined> {
    const request = { topics: [{ name: topic }], allowAutoTopicCreation: false }
    const [found] = (await this.ask('Metadata', 12, request)).topics
    return found?.errorCode === 0 ? found.topicId : undefined
  }

  async askUntil(isSo: () => Promise<boolean>, what: string, limitMs = patienceMs): Promise<void> {
    const deadline = performance.now() + limitMs
    while (!(await isSo())) {
      if (performance.now() > deadline) throw new Error(`${this.name} never ${what}`)
      await delay(pauseMs)
    }
  }

  close(): void {
    this.side?.close()
  }

  private async becomeCoordinator(): Promise<void> {
    const key = { coordinatorKeys: ['any'], keyType: 0 }
    await this.askUntil(
      async () => (await this.ask('FindCoordinator', 4, key)).coordinators[0].errorCode === 0,
      'coordinates a group',
    )
    const groups = Array.from({ length: groupsAsked }, (_, index) => ({
      groupId: `any-${index}`,
      topics: null,
    }))
    await this.askUntil(async () => {
      const answer = await this.ask('OffsetFetch', 8, { groups, requireStable: false })
      return !answer.groups.some((group: { errorCode: number }) => coordinatorErrors.has(group.errorCode))
    }, 'has loaded what groups have committed')
  }
}
