/**
 * What the broker serves, derived from the handlers: the list that ApiVersions sends. There is no
 * second list to keep in step.
 */
import { parseVersions } from '../../protocol-codecs/versions.ts'
import type { Handler } from './handler.ts'

export interface SupportedApi {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** The advertised range of every handler, by API key. */
export function supportedApis(
  handlers: readonly Pick<Handler, 'request' | 'versions'>[],
): readonly SupportedApi[] {
  return handlers
    .map(handler => {
      const { first, last } = parseVersions(handler.versions)
      return { apiKey: handler.request.apiKey!, minVersion: first, maxVersion: last }
    })
    .sort((a, b) => a.apiKey - b.apiKey)
}
