/** IncrementalAlterConfigs (KIP-339): single configurations are set, taken away, or changed as lists. */
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'
import {
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from '../../protocol-codecs/messages/incremental-alter-configs.ts'
import { configOperations } from '../settings/config-operations.ts'
import { alterLoggers } from './broker-loggers.ts'
import { alterResources, configResource, outcomeOf, refuseNulls, resourceTypes } from './config-resources.ts'
import { handler } from './handler.ts'

export const incrementalAlterConfigs = handler({
  request: incrementalAlterConfigsRequest,
  response: incrementalAlterConfigsResponse,
  versions: '0-1',
  ordering: 'sequential',

  async handle({ resources, validateOnly }, services) {
    const responses = await alterResources(
      resources,
      asked => {
        const { configs, resourceName, resourceType } = asked
        const nulls = configs.filter(
          ({ configOperation, value }) => value === null && configOperations[configOperation] !== 'DELETE',
        )
        refuseNulls(nulls.map(({ name }) => name))
        if (resourceType === resourceTypes.brokerLogger) {
          const { localId } = services.cluster.view()
          alterLoggers(services.loggers, localId, resourceName, configs, validateOnly)
          if (!validateOnly) services.logger.info({ configs }, 'levels of loggers were changed')
          return undefined
        }
        const resource = configResource(asked)
        const steps = configs.map(({ name, configOperation, value }) => {
          const operation = configOperations[configOperation]
          // Kafka did not foresee it, and says no more than that.
          if (operation === undefined) {
            throw new ProtocolError('UNKNOWN_SERVER_ERROR', `Unknown operations type ${configOperation}`)
          }
          return { name, operation, value }
        })
        return { resource, steps }
      },
      wanted => services.configs.alter(wanted, validateOnly),
    )
    return { throttleTimeMs: 0, responses }
  },

  refuse: (request, error, message) => ({
    throttleTimeMs: 0,
    responses: request.resources.map(resource => outcomeOf(resource, error, message)),
  }),
})
