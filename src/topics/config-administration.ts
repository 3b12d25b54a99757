/**
 * Describing and altering what is set on topics, brokers and subscriptions of client metrics: every check that Kafka's
 * ConfigAdminManager and ConfigurationControlManager make, in their order. The catalogue stores; `settings/` knows what each setting is.
 *
 * A request's resources succeed and fail one by one, and those that succeed change together. Alterations read what
 * is set before they write, so they are made one after the other.
 */
import { type ErrorName, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import type { Logger } from '../platform/logger.ts'
import { brokerIdIn } from '../settings/broker-id.ts'
import { findBrokerSetting } from '../settings/broker-settings.ts'
import { checkClientMetricsConfigs } from '../settings/client-metrics-settings.ts'
import {
  allBrokersEntries,
  brokerEntries,
  type ConfigEntry,
  clientMetricsEntries,
  createdTopicEntries,
  topicDefaults,
  topicEntries,
} from '../settings/config-entries.ts'
import {
  type ConfigStep,
  checkBrokerConfigs,
  requireLists,
  takeSteps,
} from '../settings/config-operations.ts'
import { allBrokers } from '../settings/dynamic-configs.ts'
import type { DynamicSettings } from '../settings/dynamic-settings.ts'
import { noCompaction } from '../settings/log-settings.ts'
import { type TopicOverrides, validateTopicConfigs } from '../settings/topic-config.ts'
import { findTopicSetting } from '../settings/topic-settings.ts'
import type {
  CatalogSnapshot,
  ConfigAlteration,
  ConfigResource,
  TopicCatalog,
} from '../storage/topic-catalog.ts'
import { topicNameProblem } from './topic-names.ts'

export interface ConfigsToAlter {
  readonly resource: ConfigResource
  readonly steps: readonly ConfigStep[]
}
export interface ConfigsToReplace {
  readonly resource: ConfigResource
  /** All that is to be set. */
  readonly configs: Readonly<Record<string, string>>
}
export interface ConfigOutcome {
  readonly error: ErrorName
  readonly message: string | null
}

export interface ConfigAdministration {
  /** Those named, or all. Throws what Kafka answers for that resource. */
  describe(resource: ConfigResource, names?: ReadonlySet<string>): ConfigEntry[]
  /** All configurations of a topic that was just created, each with the source of what counts. */
  describeCreated(overrides: TopicOverrides): ConfigEntry[]
  /** One outcome per resource, in order. No resource may come twice. */
  alter(resources: readonly ConfigsToAlter[], validateOnly: boolean): Promise<ConfigOutcome[]>
  /** The same, taking away whatever is set and not named. */
  replace(resources: readonly ConfigsToReplace[], validateOnly: boolean): Promise<ConfigOutcome[]>
}

export interface ConfigAdministrationParts {
  readonly catalog: TopicCatalog
  readonly settings: DynamicSettings
  readonly logger: Pick<Logger, 'warn'>
}

type Configs = Readonly<Record<string, string>>

interface Wanted {
  readonly resource: ConfigResource
  /** Throws if that could not be set on anything, whatever the resource is called. */
  check?(): void
  /** What is to be set, given what is. */
  next(current: Configs): Configs
}

const done: ConfigOutcome = { error: 'NONE', message: null }

export function configAdministration(parts: ConfigAdministrationParts): ConfigAdministration {
  const { catalog, settings, logger } = parts
  let tail: Promise<unknown> = Promise.resolve()
  let defaults = topicDefaults(settings)
  settings.onChange(() => {
    defaults = topicDefaults(settings)
  })

  function describe(resource: ConfigResource, names?: ReadonlySet<string>): ConfigEntry[] {
    const { type, name } = resource
    if (type === 'topic') {
      requireTopicName(name)
      const topic = catalog.current().topics.get(name)
      if (topic === undefined) {
        throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', `The topic '${name}' does not exist.`)
      }
      return topicEntries(defaults, topic.overrides, names)
    }
    if (type === 'client-metrics') {
      if (name === '') {
        throw new ProtocolError('INVALID_REQUEST', 'Client metrics subscription name must not be empty')
      }
      return clientMetricsEntries(catalog.current().clientMetricsConfigs.get(name) ?? {}, names)
    }
    if (name === allBrokers) return allBrokersEntries(settings, names)
    const { nodeId } = settings
    if (brokerIdIn(name, 'Broker') !== nodeId) {
      const expected = `expected ${nodeId} or empty string`
      throw new ProtocolError('INVALID_REQUEST', `Unexpected broker id, ${expected}, but received ${name}`)
    }
    return brokerEntries(settings, names)
  }

  /** The resource under the name that the catalogue keeps it by. */
  function checkedResource({ type, name }: ConfigResource): ConfigResource {
    if (type === 'topic') {
      if (name === '') throw new ProtocolError('INVALID_REQUEST', 'Default topic resources are not allowed.')
      requireTopicName(name)
      return { type, name }
    }
    if (type === 'client-metrics' || name === allBrokers) return { type, name }
    const { nodeId } = settings
    if (brokerIdIn(name, 'Node') !== nodeId) {
      throw new ProtocolError(
        'INVALID_REQUEST',
        `Unexpected broker id, expected ${nodeId}, but received ${name}`,
      )
    }
    return { type, name: String(nodeId) }
  }

  /** `brokerConfigs` are as the request has left them so far. */
  function alterationOf(
    { resource: asked, check, next }: Wanted,
    snapshot: CatalogSnapshot,
    brokerConfigs: Map<string, Configs>,
  ): ConfigAlteration {
    check?.()
    const resource = checkedResource(asked)
    const { type, name } = resource
    if (type === 'broker') {
      const current = brokerConfigs.get(name) ?? {}
      const configs = next(current)
      checkBrokerConfigs(name, configs, settings, new Map([...brokerConfigs, [name, configs]]))
      brokerConfigs.set(name, configs)
      return { resource, configs: difference(current, configs) }
    }
    if (type === 'client-metrics') {
      const current = snapshot.clientMetricsConfigs.get(name) ?? {}
      const configs = next(current)
      checkClientMetricsConfigs(name, configs)
      return { resource, configs: difference(current, configs) }
    }
    const topic = snapshot.topics.get(name)
    const current = topic?.overrides ?? {}
    const configs = next(current)
    const problem = validateTopicConfigs(configs, settings.current())
    if (problem !== undefined) throw new ProtocolError('INVALID_CONFIG', problem)
    if (topic === undefined) {
      throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', `The topic '${name}' does not exist.`)
    }
    return { resource, configs: difference(current, configs) }
  }

  async function change(wanted: readonly Wanted[], validateOnly: boolean): Promise<ConfigOutcome[]> {
    for (;;) {
      const snapshot = catalog.current()
      const brokerConfigs = new Map(snapshot.brokerConfigs)
      const plans = wanted.map(one => attempt(() => alterationOf(one, snapshot, brokerConfigs)))
      const alterations = plans.flatMap(plan => ('value' in plan ? [plan.value] : []))
      const outcomes = (failure?: ConfigOutcome) =>
        plans.map(plan => ('value' in plan ? (failure ?? done) : outcomeOf(plan.error)))
      const isNothing = alterations.every(({ configs }) => Object.keys(configs).length === 0)
      if (validateOnly || isNothing) return outcomes()
      try {
        await catalog.change({ type: 'alter-configs', alterations })
        for (const alteration of alterations) warnOfNoEffect(alteration)
        return outcomes()
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        // A topic went meanwhile: the others are still to be altered.
        if (error.name !== 'UNKNOWN_TOPIC_OR_PARTITION') return outcomes(outcomeOf(error))
      }
    }
  }

  function warnOfNoEffect({ resource, configs }: ConfigAlteration): void {
    if (resource.type === 'client-metrics') return
    for (const [name, value] of Object.entries(configs)) {
      if (value === null) continue
      const reason = isCompaction(name, value) ? noCompaction : whyWithoutEffect(resource.type, name)
      if (reason === undefined) continue
      logger.warn({ [resource.type]: resource.name }, `${name}=${value} is stored, but ${reason}`)
    }
  }

  function inOrder(wanted: readonly Wanted[], validateOnly: boolean): Promise<ConfigOutcome[]> {
    const result = tail.then(() => change(wanted, validateOnly))
    tail = result.catch(() => undefined)
    return result
  }

  return {
    describe,
    describeCreated: overrides => createdTopicEntries(settings, defaults, overrides),
    alter: (resources, validateOnly) =>
      inOrder(
        resources.map(({ resource, steps }) => ({
          resource,
          check: () => requireLists(resource.type, steps),
          next: current => takeSteps(resource.type, current, steps),
        })),
        validateOnly,
      ),
    replace: (resources, validateOnly) =>
      inOrder(
        resources.map(({ resource, configs }) => ({ resource, next: () => configs })),
        validateOnly,
      ),
  }
}

function requireTopicName(name: string): void {
  const problem = topicNameProblem(name)
  if (problem !== undefined) throw new ProtocolError('INVALID_TOPIC_EXCEPTION', problem)
}

/** What leads from one to the other; null takes away. */
function difference(from: Configs, to: Configs): Record<string, string | null> {
  const changes: Record<string, string | null> = {}
  for (const name of Object.keys(from)) if (to[name] === undefined) changes[name] = null
  for (const [name, value] of Object.entries(to)) if (from[name] !== value) changes[name] = value
  return changes
}

function whyWithoutEffect(type: 'topic' | 'broker', name: string): string | undefined {
  if (type === 'topic') return findTopicSetting(name)?.notYet
  const setting = findBrokerSetting(name)
  return setting === undefined ? 'there is no such setting' : setting.notYet
}

/** Of the policies only this one does nothing yet. */
function isCompaction(name: string, value: string): boolean {
  return (name === 'cleanup.policy' || name === 'log.cleanup.policy') && value.includes('compact')
}

type Attempted<Value> = { readonly value: Value } | { readonly error: ProtocolError }

function attempt<Value>(work: () => Value): Attempted<Value> {
  try {
    return { value: work() }
  } catch (error) {
    if (error instanceof ProtocolError) return { error }
    throw error
  }
}

function outcomeOf(error: ProtocolError): ConfigOutcome {
  return { error: error.name, message: error.message }
}
