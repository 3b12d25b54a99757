/**
 * The listeners that the broker opens, put together from `listeners`, `advertised.listeners`,
 * `listener.security.protocol.map` and `controller.listener.names`; and what is wrong with their combination, by
 * setting. Listeners of the controller are left out: a single node talks to itself without a socket.
 */
import type { BrokerSettingName, BrokerSettings } from './broker-settings.ts'
import {
  type ListenerAddress,
  parseListener,
  parseProtocolMap,
  type SecurityProtocol,
} from './listener-syntax.ts'

export interface Listener extends ListenerAddress {
  readonly securityProtocol: SecurityProtocol
  /**
   * What clients are told; undefined: the address that they reached. Port 0 stands for the port that was bound, so
   * that `PLAINTEXT://localhost:0` can be advertised for a listener on any free port.
   */
  readonly advertised: { readonly host: string; readonly port: number } | undefined
}

export interface SettingProblem {
  readonly name: BrokerSettingName
  readonly problem: string
}

type ListenerSettings = Pick<
  BrokerSettings,
  'listeners' | 'advertised.listeners' | 'listener.security.protocol.map' | 'controller.listener.names'
>

function addressesOf(texts: readonly string[]): ListenerAddress[] {
  return texts.map(parseListener).filter(address => typeof address !== 'string')
}

function firstRepeated<Item>(items: readonly Item[]): Item | undefined {
  return items.find((item, index) => items.indexOf(item) !== index)
}

function listenerNamesOfController(settings: ListenerSettings): Set<string> {
  const names = settings['controller.listener.names'].map(name => name.toUpperCase())
  return new Set(names.length === 0 ? ['CONTROLLER'] : names)
}

/** The listeners to open. Settings must have passed `listenerProblems`. */
export function resolveListeners(settings: ListenerSettings): readonly Listener[] {
  const controllerNames = listenerNamesOfController(settings)
  const protocols = parseProtocolMap(settings['listener.security.protocol.map'])
  const advertised = addressesOf(settings['advertised.listeners'] ?? [])
  return addressesOf(settings.listeners)
    .filter(({ name }) => !controllerNames.has(name))
    .map(address => ({
      ...address,
      securityProtocol:
        (typeof protocols === 'string' ? undefined : protocols.get(address.name)) ?? 'PLAINTEXT',
      advertised: advertised.find(({ name }) => name === address.name),
    }))
}

/** What is wrong with settings that are each well-formed. */
export function listenerProblems(settings: ListenerSettings): SettingProblem[] {
  const problems: SettingProblem[] = []
  const report = (name: BrokerSettingName, problem: string) => problems.push({ name, problem })
  const protocols = parseProtocolMap(settings['listener.security.protocol.map'])
  const controllerNames = listenerNamesOfController(settings)
  const listeners = resolveListeners(settings)

  if (listeners.length === 0)
    report('listeners', 'No listener is left once those of the controller are taken out')
  const twice = firstRepeated(listeners.map(({ name }) => name))
  if (twice !== undefined)
    report('listeners', `Each listener must have a different name, but ${twice} appears twice`)
  const places = listeners.filter(({ port }) => port !== 0).map(({ host, port }) => `${host}:${port}`)
  const samePlace = firstRepeated(places)
  if (samePlace !== undefined)
    report('listeners', `Each listener must have a different address, not ${samePlace} twice`)
  for (const { name } of listeners) {
    const protocol = typeof protocols === 'string' ? undefined : protocols.get(name)
    if (protocol === undefined) {
      report('listener.security.protocol.map', `No security protocol defined for listener ${name}`)
    } else if (protocol !== 'PLAINTEXT') {
      report('listeners', `Listener ${name} wants ${protocol}, and only PLAINTEXT is served yet`)
    }
  }

  const advertised = addressesOf(settings['advertised.listeners'] ?? [])
  for (const { name, host } of advertised) {
    if (controllerNames.has(name)) continue
    if (!listeners.some(listener => listener.name === name)) {
      report('advertised.listeners', `Listener ${name} is advertised but not among the listeners`)
    } else if (host === '' || host === '0.0.0.0' || host === '::') {
      report('advertised.listeners', `Clients cannot connect to the host '${host}' of listener ${name}`)
    }
  }
  return problems
}

/** Why listeners may not change so while the broker runs: clients have been sent to those that are advertised. */
export function listenerChangeProblem(before: ListenerSettings, after: ListenerSettings): string | undefined {
  const names = resolveListeners(after).map(({ name }) => name)
  const advertised = resolveListeners(before)
    .filter(listener => before['advertised.listeners'] === null || listener.advertised !== undefined)
    .map(({ name }) => name)
  if (advertised.every(name => names.includes(name))) return undefined
  return `Advertised listeners '${advertised.join(', ')}' must be a subset of listeners '${names.join(', ')}'`
}
