/**
 * Finds the errors in a response: every field `errorCode`, wherever it is nested. Which fields those are is
 * derived from the message's description, and compiled as its codecs are, because every response is looked at.
 */
import type { Fields, Message } from '../../protocol-codecs/schema.ts'

export interface ErrorCounter {
  countError(errorCode: number): void
}

/** Hands every error code but NONE in a response to the counter. */
export type ErrorReader = (response: unknown, counter: ErrorCounter) => void

export function compileErrorReader(response: Message): ErrorReader {
  const body = statements(response.fields, 'response', 0)
  return new Function('response', 'counter', body) as ErrorReader
}

/** A field may be absent from a response that is still to be encoded. */
function statements(fields: Fields, owner: string, depth: number): string {
  let source = ''
  for (const [name, field] of Object.entries(fields)) {
    const value = `${owner}.${name}`
    if (name === 'errorCode' && field.kind === 'int16')
      source += `if (${value}) counter.countError(${value})\n`
    const nested = field.kind === 'array' ? field.element?.fields : field.fields
    if (nested === undefined) continue
    const item = `item${depth}`
    const inner = statements(nested, item, depth + 1)
    if (inner === '') continue
    if (field.kind === 'array') source += `if (${value}) for (const ${item} of ${value}) {\n${inner}}\n`
    else source += `if (${value}) {\nconst ${item} = ${value}\n${inner}}\n`
  }
  return source
}
