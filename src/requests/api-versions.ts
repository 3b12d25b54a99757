/**
 * ApiVersions: what can be asked of this broker. The first request of nearly every client, answered
 * before authentication. A request in a version that we do not know is answered as version 0, with the
 * one API the client needs in order to ask again (KIP-511); its body is not looked at.
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import { apiVersionsRequest, apiVersionsResponse } from '../../protocol-codecs/messages/api-versions.ts'
import type { Infer, InferInput } from '../../protocol-codecs/schema.ts'
import { parseVersions } from '../../protocol-codecs/versions.ts'
import type { ClusterView } from '../cluster/cluster.ts'
import { features, levelInForce } from './features.ts'
import { handler } from './handler.ts'

type ApiVersionsRequest = Infer<typeof apiVersionsRequest>
type ApiVersionsResponse = InferInput<typeof apiVersionsResponse>

/** From this version on a client says who it is (KIP-511). */
const firstVersionWithSoftware = 3
/** From this version on a client understands a supported range that starts at 0 (KAFKA-17492). */
const firstVersionWithLevelZero = 4
/** From this version on a client may say which broker it means (KIP-1242). */
const firstVersionWithTarget = 5
const noNodeId = -1

const softwareNamePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

export const apiVersions = handler({
  request: apiVersionsRequest,
  response: apiVersionsResponse,
  versions: '0-5',
  ordering: 'pipelined',

  handle(request, services, context) {
    const error = problemOf(request, context.apiVersion, services.cluster.view())
    if (error !== 'NONE') return refused(error)
    if (context.apiVersion >= firstVersionWithSoftware) {
      const { clientSoftwareName: name, clientSoftwareVersion: version } = request
      context.clientSoftware = { name, version }
    }
    const supported = features.filter(
      feature => context.apiVersion >= firstVersionWithLevelZero || feature.minLevel > 0,
    )
    const { featureLevels } = services.catalog.current()
    const finalized = features
      .map(feature => ({ name: feature.name, level: levelInForce(feature, featureLevels) }))
      .filter(({ level }) => level > 0)
    return {
      errorCode: errorCodes.NONE,
      apiKeys: services.supportedApis,
      supportedFeatures: supported.map(feature => ({
        name: feature.name,
        minVersion: feature.minLevel,
        maxVersion: feature.maxLevel,
      })),
      finalizedFeaturesEpoch: BigInt(featureLevels.epoch),
      finalizedFeatures: finalized.map(({ name, level }) => ({
        name,
        maxVersionLevel: level,
        minVersionLevel: level,
      })),
    }
  },

  refuse: (_request, error) => refused(error),
})

function problemOf(request: ApiVersionsRequest, version: number, view: ClusterView): ErrorName {
  if (version < firstVersionWithSoftware) return 'NONE'
  const { clientSoftwareName, clientSoftwareVersion, clusterId, nodeId } = request
  if (!softwareNamePattern.test(clientSoftwareName)) return 'INVALID_REQUEST'
  if (!softwareNamePattern.test(clientSoftwareVersion)) return 'INVALID_REQUEST'
  if (version < firstVersionWithTarget) return 'NONE'
  if ((clusterId === null) !== (nodeId === noNodeId)) return 'INVALID_REQUEST'
  if (clusterId === null) return 'NONE'
  return clusterId === view.clusterId && nodeId === view.localId ? 'NONE' : 'REBOOTSTRAP_REQUIRED'
}

function refused(error: ErrorName): ApiVersionsResponse {
  return { errorCode: errorCodes[error], apiKeys: [] }
}

/** The answer, to be encoded as version 0, to an ApiVersions request of a version that is not served. */
export function unsupportedApiVersions(): ApiVersionsResponse {
  const { first, last } = parseVersions(apiVersions.versions)
  return {
    errorCode: errorCodes.UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: apiVersionsRequest.apiKey!, minVersion: first, maxVersion: last }],
  }
}
