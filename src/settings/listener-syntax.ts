/**
 * The three small notations inside network settings: `NAME://host:port` of a listener, `NAME:PROTOCOL` of the
 * security protocol map and `address:count` of the per-address limits. Each parser answers the parsed value, or a
 * sentence that says what is wrong. IPv6 addresses stand in brackets in a listener, as in Kafka.
 */

export interface ListenerAddress {
  /** Upper case, as Kafka compares listener names. */
  readonly name: string
  /** Empty: every interface. */
  readonly host: string
  readonly port: number
}

export const securityProtocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const
export type SecurityProtocol = (typeof securityProtocols)[number]

const listenerPattern = /^([A-Za-z0-9_-]+):\/\/(\[[0-9A-Fa-f:.%a-z]*\]|[^:/[\]]*):(-?\d+)$/

export function parseListener(text: string): ListenerAddress | string {
  const match = listenerPattern.exec(text.trim())
  if (match === null) return `'${text}' is not of the form NAME://host:port`
  const [, name = '', host = '', portText] = match
  const port = Number(portText)
  if (port < 0 || port > 65535) return `The port of '${text}' must be between 0 and 65535`
  return { name: name.toUpperCase(), host: host.startsWith('[') ? host.slice(1, -1) : host, port }
}

export function parseProtocolMap(text: string): ReadonlyMap<string, SecurityProtocol> | string {
  const protocols = new Map<string, SecurityProtocol>()
  for (const entry of text.split(',').map(entry => entry.trim())) {
    if (entry === '') continue
    const colon = entry.lastIndexOf(':')
    const name = entry.slice(0, colon).trim().toUpperCase()
    if (colon <= 0 || name === '') return `'${entry}' is not of the form NAME:PROTOCOL`
    const protocolName = entry
      .slice(colon + 1)
      .trim()
      .toUpperCase()
    const protocol = securityProtocols.find(known => known === protocolName)
    if (protocol === undefined) {
      return `'${protocolName}' is no security protocol; known are ${securityProtocols.join(', ')}`
    }
    if (protocols.has(name)) return `Listener name ${name} appears twice`
    protocols.set(name, protocol)
  }
  return protocols
}

export function parseIpOverrides(text: string): ReadonlyMap<string, number> | string {
  const limits = new Map<string, number>()
  for (const entry of text.split(',').map(entry => entry.trim())) {
    if (entry === '') continue
    const colon = entry.lastIndexOf(':')
    const countText = entry.slice(colon + 1).trim()
    if (colon <= 0 || !/^\d+$/.test(countText)) return `'${entry}' is not of the form address:count`
    limits.set(
      entry
        .slice(0, colon)
        .trim()
        .replace(/^\[|\]$/g, ''),
      Number(countText),
    )
  }
  return limits
}
