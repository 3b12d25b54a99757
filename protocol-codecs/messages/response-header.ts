/** The header in front of every response, versions 0-1. */
import { int32, message } from '../schema.ts'

export const responseHeader = message(
  'ResponseHeader',
  { versions: '0-1', flexible: '1+' },
  {
    correlationId: int32(),
  },
)
