/**
 * How AlterConfigs and IncrementalAlterConfigs change what is set on a resource (KIP-339), and whether the outcome may
 * be stored, in Kafka's words: its tools show them to people, and other tools match on them. Pure; refusals are
 * thrown as ProtocolError. Kafka calls the same mistake INVALID_CONFIG on a topic and INVALID_REQUEST on a broker.
 */
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { findBrokerSetting } from './broker-settings.ts'
import { allBrokers, type BrokerConfigs } from './dynamic-configs.ts'
import type { DynamicSettings } from './dynamic-settings.ts'
import { listenerChangeProblem } from './listeners.ts'
import { parse, type Setting } from './setting.ts'
import { findWithoutEffect } from './settings-without-effect.ts'
import { findTopicSetting } from './topic-settings.ts'

/** In the order of Kafka's numbers for them. */
export const configOperations = ['SET', 'DELETE', 'APPEND', 'SUBTRACT'] as const
export type ConfigOperation = (typeof configOperations)[number]

export interface ConfigStep {
  readonly name: string
  readonly operation: ConfigOperation
  /** null only with DELETE. */
  readonly value: string | null
}

/** What configurations that are stored are set on. */
export type ConfiguredType = 'topic' | 'broker' | 'client-metrics'

type Configs = Readonly<Record<string, string>>

/** Throws where a step takes something for a list that is none, whatever it is set on: Kafka looks at that first. */
export function requireLists(type: ConfiguredType, steps: readonly ConfigStep[]): void {
  for (const { name, operation } of steps) {
    if (type === 'topic' && (operation === 'APPEND' || operation === 'SUBTRACT'))
      topicList(type, name, operation)
  }
}

/** What is set once the steps were taken. A list that is not set starts from the default of its setting. */
export function takeSteps(type: ConfiguredType, current: Configs, steps: readonly ConfigStep[]): Configs {
  const next = new Map(Object.entries(current))
  for (const { name, operation, value } of steps) {
    if (operation === 'DELETE') {
      next.delete(name)
    } else if (operation === 'SET') {
      next.set(name, value!)
    } else {
      const standard = type === 'broker' ? brokerList(name, operation) : topicList(type, name, operation)
      const text = next.get(name)
      const listed = text === undefined ? standard : text.split(',').filter(part => part !== '')
      const given = value!.split(',')
      const parts =
        operation === 'APPEND' ? new Set([...listed, ...given]) : listed.filter(part => !given.includes(part))
      next.set(name, [...parts].join(','))
    }
  }
  return Object.fromEntries(next)
}

/** To Kafka nothing that is set on client metrics is a list here. */
function topicList(type: ConfiguredType, name: string, operation: ConfigOperation): readonly string[] {
  const setting = type === 'topic' ? findTopicSetting(name) : undefined
  if (setting?.type === 'list') return defaultList(setting)
  throw new ProtocolError('INVALID_CONFIG', `Can't ${operation} to key ${name} because its type is not LIST.`)
}

function brokerList(name: string, operation: ConfigOperation): readonly string[] {
  const setting = findBrokerSetting(name)
  if (setting === undefined) throw new ProtocolError('INVALID_CONFIG', `Unknown config name: ${name}`)
  if (setting.type === 'list') return defaultList(setting)
  throw new ProtocolError(
    'INVALID_CONFIG',
    `Config value ${operation.toLowerCase()} is not allowed for config key: ${name}`,
  )
}

function defaultList(setting: Setting): readonly string[] {
  return (setting.default ?? []) as readonly string[]
}

/**
 * Throws if these may not be all that is set on a broker, or on all of them; `outcome` is with them.
 *
 * As in Kafka any name that is not known may be set. What is known to have no effect here is refused instead.
 */
export function checkBrokerConfigs(
  brokerName: string,
  configs: Configs,
  settings: DynamicSettings,
  outcome: BrokerConfigs,
): void {
  const fixed = Object.keys(configs).filter(name => findBrokerSetting(name)?.dynamic === 'read-only')
  if (fixed.length > 0) {
    const message = `Cannot update these configs dynamically: [${fixed.join(', ')}]`
    throw new ProtocolError('INVALID_REQUEST', message)
  }
  for (const [name, text] of Object.entries(configs)) checkBrokerConfig(name, text)
  const ofOneBroker = Object.keys(configs).filter(name => findBrokerSetting(name)?.dynamic === 'per-broker')
  if (brokerName === allBrokers && ofOneBroker.length > 0) {
    const message = `Cannot update these configs at default cluster level, broker id must be specified: [${ofOneBroker.join(', ')}]`
    throw new ProtocolError('INVALID_REQUEST', message)
  }
  const conflict = settings.conflictIn(outcome)
  if (conflict !== undefined) throw new ProtocolError('INVALID_REQUEST', `${conflict.problem}.`)
  const problem = listenerChangeProblem(settings.current(), settings.with(outcome))
  if (problem !== undefined) throw new ProtocolError('INVALID_REQUEST', `${problem}.`)
}

function checkBrokerConfig(name: string, text: string): void {
  const setting = findBrokerSetting(name)
  if (setting === undefined) {
    const reason = findWithoutEffect(name)?.reason
    if (reason === undefined) return
    throw new ProtocolError('INVALID_REQUEST', `${name} would have no effect: ${reason}.`)
  }
  const parsed = parse(setting, text)
  if (parsed.ok) return
  throw new ProtocolError(
    'INVALID_REQUEST',
    `Invalid value ${text} for configuration ${name}: ${parsed.problem}`,
  )
}
