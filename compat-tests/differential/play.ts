/**
 * Plays a scenario to a broker and keeps what came of each step. Steps that an EncodeError says are not to be said in
 * their version, or that refer to what is not there, are left out of the transcript.
 */
import { inVersions } from '../../protocol-codecs/versions.ts'
import { EncodeError } from '../../protocol-codecs/wire-writer.ts'
import { type ApiName, apis } from './apis.ts'
import { type Resolution, resolve, type Scenario, type Step } from './scenario.ts'
import type { Stage } from './stage.ts'
import type { Outcome, WireConnection } from './wire-connection.ts'

export interface PlayedStep {
  readonly label: string
  readonly api: ApiName | undefined
  readonly version: number
  outcome: Outcome | { readonly kind: 'silent' } | { readonly kind: 'never' }
}

export type Versions = (api: ApiName) => number

/** For an answer; brokers that wait for others answer when those have come. */
const patienceMs = 8_000
/** Where the controller decides: Kafka's resigns over an exception that it did not foresee, and is back seconds later. */
const controllerPatienceMs = 20_000
const awaitLimitMs = 6_000
/** What the controller decides, of which a broker hears later. */
const decidedByController = new Set<ApiName>([
  'CreateTopics',
  'DeleteTopics',
  'CreatePartitions',
  'AlterConfigs',
  'IncrementalAlterConfigs',
  'CreateAcls',
  'DeleteAcls',
  'UpdateFeatures',
])

/** The step refers to something that the broker has not given. */
class NothingThere extends Error {}

export async function play(
  { steps }: Scenario,
  stage: Stage,
  versions: Versions,
  prefix: string,
): Promise<PlayedStep[]> {
  return await new Player(stage, versions, prefix).play(steps)
}

class Player {
  private readonly stage: Stage
  private readonly versions: Versions
  private readonly prefix: string
  private readonly played: PlayedStep[] = []
  private readonly connections = new Map<string, WireConnection>()
  private readonly pending = new Map<string, Promise<void>>()
  private readonly topicIds = new Map<string, string>()
  private isSettled = true

  constructor(stage: Stage, versions: Versions, prefix: string) {
    this.stage = stage
    this.versions = versions
    this.prefix = prefix
  }

  async play(steps: readonly Step[]): Promise<PlayedStep[]> {
    try {
      for (const [index, step] of steps.entries()) {
        if (!this.isSettled && !(step.kind === 'send' && decidedByController.has(step.api))) {
          await this.stage.settle()
          this.isSettled = true
        }
        await this.step(step, index)
      }
      await Promise.all(this.pending.values())
    } finally {
      for (const connection of this.connections.values()) connection.close()
    }
    if (!this.isSettled) await this.stage.settle()
    return this.played
  }

  private async step(step: Step, index: number): Promise<void> {
    switch (step.kind) {
      case 'finish':
        await this.pending.get(step.step)
        return
      case 'close':
        this.connections.get(step.on)?.close()
        return
      case 'frame': {
        const connection = await this.connection('frames')
        const outcome = await connection.sendFrame(step.bytes, patienceMs)
        this.played.push({ label: step.as, api: undefined, version: 0, outcome })
        return
      }
      case 'await': {
        const request = await this.resolved(step.request, step.at)
        if (request === undefined) return
        const isSo = async () =>
          valueAt(await this.stage.ask(step.api, step.at, request as never), step.path) === step.value
        try {
          await this.stage.askUntil(isSo, 'is so', awaitLimitMs)
        } catch {
          const label = `${index} until ${step.api} says ${step.path.join('.')} = ${step.value}`
          this.played.push({ label, api: undefined, version: step.at, outcome: { kind: 'never' } })
        }
        return
      }
      case 'send':
        await this.send(step, index)
    }
  }

  private async send(step: Extract<Step, { kind: 'send' }>, index: number): Promise<void> {
    const { api, options } = step
    const version = options.at ?? this.versions(api)
    if (!inVersions(options.versions, version)) return
    const request = await this.resolved(step.request, version)
    if (request === undefined) return
    const connection = await this.connection(options.on ?? 'main')
    const clientId = options.clientId === undefined ? 'differential' : options.clientId
    const label = options.as ?? `${index} ${api}`
    const played: PlayedStep = { label, api, version, outcome: { kind: 'no answer' } }
    const limitMs = decidedByController.has(api) ? controllerPatienceMs : patienceMs
    try {
      if (options.unanswered) {
        connection.sendUnanswered(apis[api].request, version, request, clientId)
        this.played.push(played)
        // What comes first of an answer to this and the connection's end tells.
        const next = await connection.send(apis.ApiVersions, 0, {}, clientId, patienceMs)
        played.outcome = next.kind === 'answer' ? { kind: 'silent' } : next
        return
      }
      const answered = connection.send(apis[api], version, request, clientId, limitMs)
      this.played.push(played)
      const done = answered.then(outcome => {
        played.outcome = outcome
      })
      if (options.pending) this.pending.set(label, done)
      else await done
    } catch (error) {
      if (error instanceof EncodeError && /not part of version|may not be null in/.test(error.message)) return
      throw error
    }
    if (decidedByController.has(api)) this.isSettled = false
  }

  private async connection(name: string): Promise<WireConnection> {
    let connection = this.connections.get(name)
    if (connection?.isOpen !== true) {
      connection = await this.stage.connect()
      this.connections.set(name, connection)
    }
    return connection
  }

  /** The request with everything that it refers to; undefined where that is not there. */
  private async resolved(request: unknown, version: number): Promise<unknown> {
    for (;;) {
      let missingTopic: string | undefined
      const resolution: Resolution = {
        version,
        clusterId: this.stage.clusterId,
        nameOf: label => `${this.prefix}-${label}`,
        topicIdOf: label => {
          const id = this.topicIds.get(label)
          if (id !== undefined) return id
          missingTopic = label
          throw new NothingThere()
        },
        answerOf: (label, path) => {
          const outcome = this.played.find(step => step.label === label)?.outcome
          const value = outcome?.kind === 'answer' ? valueAt(outcome.value, path) : undefined
          if (value === undefined) throw new NothingThere()
          return value
        },
      }
      try {
        return resolve(request, resolution)
      } catch (error) {
        if (!(error instanceof NothingThere)) throw error
        if (missingTopic === undefined) return undefined
        const id = await this.stage.topicId(resolution.nameOf(missingTopic))
        if (id === undefined) return undefined
        this.topicIds.set(missingTopic, id)
      }
    }
  }
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let at = value as Record<string | number, unknown> | undefined | null
  for (const name of path) at = at?.[name] as typeof at
  return at
}
