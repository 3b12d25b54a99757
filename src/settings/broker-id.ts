/** The id of a broker, as configurations name what they are set on. */
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'

/** Throws where it is no number; `what` is what Kafka calls it there. */
export function brokerIdIn(name: string, what: 'Broker' | 'Node'): number {
  if (/^[+-]?\d+$/.test(name)) return Number(name)
  throw new ProtocolError('INVALID_REQUEST', `${what} id must be an integer, but it is: ${name}`)
}
