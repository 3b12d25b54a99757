/** A place in a log that cannot be what was written there. Clients are answered with CORRUPT_MESSAGE. */
import { ProtocolError } from '../../../protocol-codecs/error-codes.ts'

export class DamagedLogError extends ProtocolError {
  constructor(path: string, position: number, found: string) {
    super('CORRUPT_MESSAGE', `${path} is damaged at ${position}: the batch there has ${found}`)
  }
}
