/** The isolation level of Fetch and ListOffsets: which records a reader is to see. */
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'
import type { Isolation } from '../storage/partition-log.ts'

const levels: readonly Isolation[] = ['read_uncommitted', 'read_committed']

/** Kafka knows no better error than this for a level that there is not. */
export function isolationOf(level: number): Isolation {
  const isolation = levels[level]
  if (isolation === undefined) throw new ProtocolError('UNKNOWN_SERVER_ERROR', `No isolation level ${level}`)
  return isolation
}
