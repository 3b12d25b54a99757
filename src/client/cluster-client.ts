/**
 * A client of a whole cluster: it finds brokers, leaders and coordinators, keeps one connection to each place it
 * talks to, and tries again, for a bounded time, what fails because a cluster is in motion.
 *
 * Brokers are reached at the addresses that they advertise; a bootstrap address is only where the first question is
 * asked. A coordinator has a connection of its own, since a JoinGroup or a Fetch holds up what stands behind it.
 */
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from '../../protocol-codecs/messages/find-coordinator.ts'
import { metadataRequest, metadataResponse } from '../../protocol-codecs/messages/metadata.ts'
import type { Infer } from '../../protocol-codecs/schema.ts'
import { type Address, showAddress } from './addresses.ts'
import { ClientError, isOfConnection, isTransient, throwIfRefused } from './client-error.ts'
import { Connection, type ConnectionOptions } from './connection.ts'

export interface ClientOptions {
  readonly bootstrap: readonly Address[]
  readonly softwareVersion: string
  readonly clientId?: string
  /** For one answer, and for all attempts at the same thing together. */
  readonly timeoutMs: number
}

export type Metadata = Infer<typeof metadataResponse>
export type BrokerNode = Metadata['brokers'][number]
export type TopicMetadata = Metadata['topics'][number]

export interface RetryOptions {
  /** Whether a lost connection is a reason to try again: only where doing something twice does no harm. */
  readonly afterLostConnection?: boolean
  readonly timeoutMs?: number
  readonly also?: (error: ClientError) => boolean
  /** No further attempt once it is aborted. */
  readonly signal?: AbortSignal
}

const metadata = { request: metadataRequest, response: metadataResponse } as const
const findCoordinator = { request: findCoordinatorRequest, response: findCoordinatorResponse } as const
const groupKeyType = 0
const firstBackoffMs = 50
const maxBackoffMs = 1000

export class ClusterClient {
  readonly timeoutMs: number
  private readonly options: ClientOptions
  private readonly connectionOptions: ConnectionOptions
  private readonly connections = new Map<string, Promise<Connection>>()
  private nodes = new Map<number, BrokerNode>()
  private controllerId = -1
  private readonly reached = new Set<string>()
  /** Failures to reach an address that was never reached. */
  private readonly firstContacts = new WeakSet<Error>()
  private readonly coordinators = new Map<string, BrokerNode>()

  constructor(options: ClientOptions) {
    this.options = options
    this.timeoutMs = options.timeoutMs
    this.connectionOptions = {
      clientId: options.clientId ?? 'ottla',
      softwareVersion: options.softwareVersion,
      timeoutMs: options.timeoutMs,
    }
  }

  /** A connection to some broker: the first bootstrap address that answers, then any broker known since. */
  async any(): Promise<Connection> {
    const failures: ClientError[] = []
    const known = [...this.nodes.values()].filter(node => !this.isBootstrap(node))
    for (const address of [...this.options.bootstrap, ...known]) {
      try {
        return await this.connected(address, '')
      } catch (error) {
        if (!(error instanceof ClientError)) throw error
        // A peer that is no broker is a mistake to be told, not an outage to be worked around.
        if (this.options.bootstrap.length === 1 && known.length === 0) throw error
        failures.push(error)
      }
    }
    const all = new ClientError('unreachable', failures.map(({ message }) => message).join(' '))
    if (failures.every(failure => this.firstContacts.has(failure))) this.firstContacts.add(all)
    throw all
  }

  /** A connection to the broker with this id, at the address that it advertises. */
  async node(nodeId: number, purpose = ''): Promise<Connection> {
    if (!this.nodes.has(nodeId)) await this.metadata([])
    const node = this.nodes.get(nodeId)
    if (node === undefined) {
      throw new ClientError(
        'LEADER_NOT_AVAILABLE',
        `Broker ${nodeId} is not part of the cluster at the moment.`,
      )
    }
    return this.connectedToNode(node, purpose)
  }

  /** The broker that makes changes to topics; with KRaft every broker passes them on. */
  async controller(): Promise<Connection> {
    await this.metadata([])
    return this.nodes.has(this.controllerId) ? this.node(this.controllerId) : this.any()
  }

  async brokers(): Promise<readonly BrokerNode[]> {
    if (this.nodes.size === 0) await this.metadata([])
    return [...this.nodes.values()]
  }

  /** Describes these topics, or all (null). Errors of single topics are in the answer. */
  async metadata(topics: readonly string[] | null, allowAutoTopicCreation = false): Promise<Metadata> {
    const connection = await this.any()
    const version = connection.versionOf(metadata) ?? 0
    // Version 0 has no way to ask for no topic, and no null.
    const asked = version === 0 && topics === null ? [] : topics
    const answer = await connection.send(metadata, {
      topics: asked === null ? null : asked.map(name => ({ name, topicId: undefined })),
      allowAutoTopicCreation: version >= 4 ? allowAutoTopicCreation : undefined,
    })
    throwIfRefused('Cannot describe the cluster', connection.broker, answer.errorCode)
    this.nodes = new Map(answer.brokers.map(node => [node.nodeId, node]))
    this.controllerId = answer.controllerId
    return answer
  }

  /** Runs `ask` with the connection to a group's coordinator, which is found again when it moves or is loading. */
  async atCoordinator<T>(
    groupId: string,
    ask: (connection: Connection) => Promise<T>,
    options: RetryOptions = {},
  ): Promise<T> {
    return this.retrying(async () => ask(await this.coordinator(groupId)), options)
  }

  async coordinator(groupId: string): Promise<Connection> {
    let node = this.coordinators.get(groupId)
    if (node === undefined) {
      node = await this.findCoordinator(groupId)
      this.coordinators.set(groupId, node)
    }
    return this.connectedToNode(node, 'coordinator')
  }

  /** Repeats what fails for a reason that passes, with growing pauses, until `timeoutMs` is over. */
  async retrying<T>(attempt: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
    const deadline = performance.now() + (options.timeoutMs ?? this.timeoutMs)
    for (let attempts = 0; ; attempts++) {
      try {
        return await attempt()
      } catch (error) {
        if (!(error instanceof ClientError) || !this.isWorthAnother(error, options)) throw error
        const pauseMs = backoffMs(attempts)
        if (performance.now() + pauseMs > deadline || options.signal?.aborted) throw error
        this.forget()
        await pause(pauseMs, options.signal)
      }
    }
  }

  /** Leaders and coordinators are to be looked up anew. */
  forget(): void {
    this.coordinators.clear()
  }

  close(): void {
    for (const connection of this.connections.values()) {
      connection.then(
        opened => opened.close(),
        () => undefined,
      )
    }
    this.connections.clear()
  }

  private async findCoordinator(groupId: string): Promise<BrokerNode> {
    const connection = await this.any()
    const version = connection.versionOf(findCoordinator) ?? 0
    const answer = await connection.send(
      findCoordinator,
      version >= 4
        ? { keyType: groupKeyType, coordinatorKeys: [groupId] }
        : version >= 1
          ? { keyType: groupKeyType, key: groupId }
          : { key: groupId },
    )
    const found = version >= 4 ? answer.coordinators[0]! : answer
    const what = `Cannot find the coordinator of group ${groupId}`
    throwIfRefused(what, connection.broker, found.errorCode, found.errorMessage)
    const { nodeId, host, port } = found
    return { nodeId, host, port, rack: null }
  }

  private async connectedToNode(node: BrokerNode, purpose: string): Promise<Connection> {
    try {
      return await this.connected(node, purpose)
    } catch (error) {
      if (!(error instanceof ClientError) || error.failure !== 'unreachable' || this.isBootstrap(node))
        throw error
      const asked = this.options.bootstrap.map(showAddress).join(',')
      const explained = new ClientError(
        'unreachable',
        `${error.message} This is the address that broker ${node.nodeId} advertises (advertised.listeners); the one asked was ${asked}.`,
      )
      if (this.firstContacts.has(error)) this.firstContacts.add(explained)
      throw explained
    }
  }

  private async connected(address: Address, purpose: string): Promise<Connection> {
    const key = `${showAddress(address)} ${purpose}`
    const existing = this.connections.get(key)
    if (existing !== undefined && (await existing.catch(() => undefined))?.isOpen) return existing
    // Somebody else may have begun a new one while we looked at the old.
    const current = this.connections.get(key)
    if (current !== undefined && current !== existing) return current
    const opening = Connection.open({ host: address.host, port: address.port }, this.connectionOptions)
    this.connections.set(key, opening)
    try {
      const connection = await opening
      this.reached.add(showAddress(address))
      return connection
    } catch (error) {
      if (!this.reached.has(showAddress(address))) this.firstContacts.add(error as Error)
      throw error
    }
  }

  /** An address that never answered is a mistake to be told at once; one that did may come back. */
  private isWorthAnother(error: ClientError, { afterLostConnection = false, also }: RetryOptions): boolean {
    if (also?.(error)) return true
    if (isOfConnection(error.failure)) return afterLostConnection && !this.firstContacts.has(error)
    return isTransient(error.failure)
  }

  private isBootstrap({ host, port }: Address): boolean {
    return this.options.bootstrap.some(address => address.host === host && address.port === port)
  }
}

/** Doubling, with a third at random, so that several commands do not come back together. */
export function backoffMs(attempts: number): number {
  return Math.min(firstBackoffMs * 2 ** attempts, maxBackoffMs) * (0.67 + Math.random() / 3)
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted) {
      resolve()
      return
    }
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
}
