/** `ottla cluster`: brokers, controller, finalized features, and with --api-versions what each API is served in. */
import type { Command } from 'commander'
import { apiName } from '../client/api-names.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { type ClusterFacts, clusterFacts, servedByEach } from '../client/cluster-facts.ts'
import type { ServedVersions } from '../client/connection.ts'
import { type ClientFlags, newCommand, withClient, withClientFlags } from './command-line.ts'
import { facts, printJson, printLine, table } from './output.ts'

interface ClusterFlags extends ClientFlags {
  readonly apiVersions?: boolean
}

export function clusterCommand(): Command {
  return withClientFlags(
    newCommand('cluster', 'Brokers, controller, features and API versions of a cluster.'),
    `
ottla cluster
ottla cluster --bootstrap-server kafka-1:9092,kafka-2:9092 --api-versions
ottla cluster --json | jq .brokers`,
  )
    .option('--api-versions', 'with the versions of each API that brokers serve')
    .action((flags: ClusterFlags) => withClient(flags, client => describe(client, flags)))
}

type Served = ReadonlyMap<number, ServedVersions | undefined>

async function describe(client: ClusterClient, flags: ClusterFlags): Promise<void> {
  const cluster = await clusterFacts(client)
  const served = await servedByEach(client, cluster.brokers)
  if (flags.json) return printJson(asJson(cluster, served))
  await printLine(asText(cluster, served))
  if (flags.apiVersions) await printLine(`\n${apiTable(served)}`)
}

function featuresOf(served: Served) {
  const newest = [...served.values()].reduce((best, one) =>
    (one?.finalizedFeaturesEpoch ?? -1n) > (best?.finalizedFeaturesEpoch ?? -1n) ? one : best,
  )
  return [...(newest?.finalizedFeatures ?? [])].sort((one, other) => (one.name < other.name ? -1 : 1))
}

function asJson({ clusterId, controllerId, brokers }: ClusterFacts, served: Served): unknown {
  return {
    clusterId,
    controllerId,
    features: Object.fromEntries(
      featuresOf(served).map(({ name, maxVersionLevel }) => [name, maxVersionLevel]),
    ),
    brokers: brokers.map(broker => ({
      ...broker,
      apis:
        served.get(broker.nodeId)?.apiKeys.map(({ apiKey, minVersion, maxVersion }) => ({
          apiKey,
          name: apiName(apiKey),
          minVersion,
          maxVersion,
        })) ?? null,
    })),
  }
}

function asText({ clusterId, controllerId, brokers }: ClusterFacts, served: Served): string {
  const head = facts([
    ['Cluster', clusterId ?? undefined],
    ['Controller', controllerId < 0 ? undefined : controllerId],
    ...featuresOf(served).map(
      ({ name, maxVersionLevel }, index) =>
        [index === 0 ? 'Features' : '', `${name}=${maxVersionLevel}`] as const,
    ),
  ])
  const rows = brokers.map(({ nodeId, host, port, rack, isFenced }) => {
    const answer = served.get(nodeId)
    const state = isFenced ? 'fenced' : answer === undefined ? 'not reached' : 'up'
    return [nodeId, host, port, rack ?? undefined, state, answer?.apiKeys.length]
  })
  return `${head}\n\n${table(['BROKER', 'HOST', 'PORT', 'RACK', 'STATE', 'APIS'], rows)}`
}

/** One row for each API; brokers of different releases differ, and then each range is shown with its brokers. */
function apiTable(served: Served): string {
  const ranges = new Map<number, Map<string, number[]>>()
  for (const [nodeId, answer] of served) {
    for (const { apiKey, minVersion, maxVersion } of answer?.apiKeys ?? []) {
      const range = minVersion === maxVersion ? `${minVersion}` : `${minVersion}-${maxVersion}`
      const ofApi = ranges.get(apiKey) ?? new Map<string, number[]>()
      ranges.set(apiKey, ofApi.set(range, [...(ofApi.get(range) ?? []), nodeId]))
    }
  }
  const reached = [...served.values()].filter(answer => answer !== undefined).length
  const rows = [...ranges]
    .sort(([one], [other]) => one - other)
    .map(([apiKey, ofApi]) => {
      const shown = [...ofApi].map(([range, brokers]) =>
        brokers.length === reached ? range : `${range} (broker ${brokers.join(',')})`,
      )
      return [apiKey, apiName(apiKey), shown.join(', ')]
    })
  return table(['KEY', 'API', 'VERSIONS'], rows)
}
