/**
 * The time that a client gives a change of topics. Kafka's controller drops what has waited longer than that
 * before it began (here the catalogue does, whose changes are made one after the other), so with nothing to wait
 * in, nothing is done at all; what has begun is finished, however long it takes.
 */
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'

export function refuseIfTimedOut(timeoutMs: number): void {
  // Kafka says no more than the code.
  if (timeoutMs <= 0) throw new ProtocolError('REQUEST_TIMED_OUT', '')
}
