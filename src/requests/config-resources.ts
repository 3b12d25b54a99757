/**
 * What DescribeConfigs and its kin are about, as requests number it, and the way that AlterConfigs and
 * IncrementalAlterConfigs share: what is wrong with a resource is told of that resource, in Kafka's order and words
 * (ConfigAdminManager), the others are altered, and the answer has one entry for each.
 */
import { type ErrorName, errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import type { ConfigResource } from '../storage/topic-catalog.ts'
import type { ConfigOutcome } from '../topics/config-administration.ts'

export const resourceTypes = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const

export interface NamedResource {
  readonly resourceType: number
  readonly resourceName: string
}

const knownTypes: ReadonlySet<number> = new Set(Object.values(resourceTypes))

/** Throws where there is no such type. */
export function requireResourceType({ resourceType }: NamedResource): void {
  if (!knownTypes.has(resourceType)) throw invalid(`Unknown resource type ${resourceType}`)
}

/** Throws where configurations of that type are not served. */
export function configResource({ resourceType, resourceName: name }: NamedResource): ConfigResource {
  if (resourceType === resourceTypes.topic) return { type: 'topic', name }
  if (resourceType === resourceTypes.broker) return { type: 'broker', name }
  if (resourceType === resourceTypes.clientMetrics) return { type: 'client-metrics', name }
  throw invalid(
    resourceType === resourceTypes.group
      ? 'Configurations of groups are not served yet'
      : `Unknown resource type ${resourceType}`,
  )
}

interface ResourceToAlter extends NamedResource {
  readonly configs: readonly { readonly name: string; readonly value: string | null }[]
}

/** `read` gives what is to be altered; undefined: nothing any more, it is done. */
export async function alterResources<Asked extends ResourceToAlter, Wanted>(
  resources: readonly Asked[],
  read: (asked: Asked) => Wanted | undefined,
  alter: (wanted: readonly Wanted[]) => Promise<ConfigOutcome[]>,
) {
  const repeated = repeatedIn(resources.map(keyOf))
  const wanted: Wanted[] = []
  const outcomes = resources.map((asked): ConfigOutcome | 'wanted' => {
    try {
      if (repeated.has(keyOf(asked))) throw invalid('Each resource must appear at most once.')
      if (repeatedIn(asked.configs.map(({ name }) => name)).size > 0) {
        throw invalid('Error due to duplicate config keys')
      }
      const one = read(asked)
      if (one === undefined) return { error: 'NONE', message: null }
      wanted.push(one)
      return 'wanted'
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      return { error: error.name, message: error.message }
    }
  })
  const altered = (await alter(wanted)).values()
  return resources.map((asked, index) => {
    const outcome = outcomes[index]!
    const { error, message } = outcome === 'wanted' ? altered.next().value! : outcome
    return outcomeOf(asked, error, message)
  })
}

/** Names of values that must not be null, for `Null value not supported`. */
export function refuseNulls(names: readonly string[]): void {
  if (names.length > 0) throw invalid(`Null value not supported for : ${names.join(', ')}`)
}

export function outcomeOf(
  { resourceType, resourceName }: NamedResource,
  error: ErrorName,
  message: string | null,
) {
  return { errorCode: errorCodes[error], errorMessage: message, resourceType, resourceName }
}

export function invalid(message: string): ProtocolError {
  return new ProtocolError('INVALID_REQUEST', message)
}

function keyOf({ resourceType, resourceName }: NamedResource): string {
  return `${resourceType} ${resourceName}`
}

function repeatedIn(keys: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>()
  return new Set(keys.filter(key => seen.has(key) || !seen.add(key)))
}
