/** Addresses of brokers as Kafka writes them, `host:port`, with brackets around an IPv6 host. */
import { ClientError } from './client-error.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

const defaultPort = 9092

/** Reads a `bootstrap.servers` list. A host without a port gets Kafka's. */
export function parseBootstrapServers(text: string): Address[] {
  const addresses = text
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
    .map(parseAddress)
  if (addresses.length === 0) throw new ClientError('INVALID_REQUEST', 'No address of a broker was given.')
  return addresses
}

function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(text)
  const port = match?.[3] === undefined ? defaultPort : Number(match[3])
  if (match === null || port < 1 || port > 65_535) {
    throw new ClientError('INVALID_REQUEST', `'${text}' is not an address of a broker; one is HOST:PORT.`)
  }
  return { host: match[1] ?? match[2]!, port }
}

export function showAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
