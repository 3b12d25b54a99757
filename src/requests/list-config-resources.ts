/**
 * ListConfigResources (KIP-1142): what configurations could be described of. Version 0 was ListClientMetricsResources.
 * In Kafka's order. Groups, whose configurations are not served, are known and none is there.
 */
import { errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import {
  listConfigResourcesRequest,
  listConfigResourcesResponse,
} from '../../protocol-codecs/messages/list-config-resources.ts'
import { resourceTypes } from './config-resources.ts'
import { handler } from './handler.ts'

const allTypes: readonly number[] = Object.values(resourceTypes)

export const listConfigResources = handler({
  request: listConfigResourcesRequest,
  response: listConfigResourcesResponse,
  versions: '0-1',
  ordering: 'pipelined',

  handle(request, services, { apiVersion }) {
    const types = apiVersion === 0 ? [resourceTypes.clientMetrics] : request.resourceTypes
    const stranger = types.find(type => !allTypes.includes(type))
    if (stranger !== undefined) {
      throw new ProtocolError('UNSUPPORTED_VERSION', `Unknown resource type ${stranger}`)
    }
    const { topics, clientMetricsConfigs } = services.catalog.current()
    const { brokerIds } = services.cluster.view()
    const wanted = new Set(types.length === 0 ? allTypes : types)
    const named = (resourceType: number, names: Iterable<string | number>) =>
      wanted.has(resourceType)
        ? Array.from(names, name => ({ resourceName: String(name), resourceType }))
        : []
    return {
      throttleTimeMs: 0,
      errorCode: errorCodes.NONE,
      configResources: [
        ...named(resourceTypes.clientMetrics, clientMetricsConfigs.keys()),
        ...named(resourceTypes.brokerLogger, brokerIds),
        ...named(resourceTypes.broker, brokerIds),
        ...named(resourceTypes.topic, topics.keys()),
      ],
    }
  },

  refuse: (_request, error) => ({ throttleTimeMs: 0, errorCode: errorCodes[error], configResources: [] }),
})
