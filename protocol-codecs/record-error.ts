import { type ErrorName, ProtocolError } from './error-codes.ts'

/**
 * Bytes that should be a record batch and are not. Everything that reads batches throws this and nothing else,
 * whatever the bytes: never a RangeError, never a read outside the range that it was given.
 */
export class RecordError extends ProtocolError {
  /** The index of the record at fault within its batch; -1 when the fault is the batch's own. */
  readonly recordIndex: number

  constructor(name: ErrorName, message: string, recordIndex = -1) {
    super(name, message)
    this.recordIndex = recordIndex
  }
}
