/**
 * Inflating what a producer sent. Kafka did not foresee a number that names no codec, nor bytes that are not of their
 * codec's format: it answers UNKNOWN_SERVER_ERROR to either. So do we, with words that say what it was.
 */
import { ProtocolError } from './error-codes.ts'
import { RecordError } from './record-error.ts'

/** What `inflate` returns; what it throws about the codec or the format is UNKNOWN_SERVER_ERROR. */
export function inflateProduced<T>(inflate: () => T): T {
  try {
    return inflate()
  } catch (error) {
    const isUnforeseen =
      error instanceof ProtocolError &&
      (error.name === 'INVALID_RECORD' || error.name === 'UNSUPPORTED_COMPRESSION_TYPE')
    throw isUnforeseen ? new RecordError('UNKNOWN_SERVER_ERROR', error.message) : error
  }
}
