import { RecordError } from '../record-error.ts'

/**
 * A body that cannot be compressed or inflated: INVALID_RECORD where its bytes are not of the format that they claim,
 * MESSAGE_TOO_LARGE where they would inflate beyond the caller's bound, UNSUPPORTED_COMPRESSION_TYPE where this
 * process has no such codec.
 */
export class CompressionError extends RecordError {}

export function malformed(codec: string, what: string): CompressionError {
  return new CompressionError('INVALID_RECORD', `Malformed ${codec} data: ${what}`)
}

export function tooLarge(codec: string, maxSize: number): CompressionError {
  return new CompressionError('MESSAGE_TOO_LARGE', `The ${codec} data inflates to more than ${maxSize} bytes`)
}

export function unavailable(codec: string, why: string): CompressionError {
  return new CompressionError('UNSUPPORTED_COMPRESSION_TYPE', `No ${codec} here: ${why}`)
}
