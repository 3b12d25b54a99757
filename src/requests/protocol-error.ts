/**
 * For handlers that answer per partition: the protocol error that was thrown for one of them. What is
 * not a protocol error is a broken invariant and goes on to the dispatcher.
 */
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'

export function protocolErrorOf(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error
  throw error
}
