/** AlterConfigs: what is named is all that is set on a resource from now on (deprecated in favour of KIP-339). */
import { alterConfigsRequest, alterConfigsResponse } from '../../protocol-codecs/messages/alter-configs.ts'
import { alterResources, configResource, outcomeOf, refuseNulls } from './config-resources.ts'
import { handler } from './handler.ts'

export const alterConfigs = handler({
  request: alterConfigsRequest,
  response: alterConfigsResponse,
  versions: '0-2',
  ordering: 'sequential',

  async handle({ resources, validateOnly }, services) {
    const responses = await alterResources(
      resources,
      asked => {
        const { configs } = asked
        refuseNulls(configs.filter(({ value }) => value === null).map(({ name }) => name))
        const resource = configResource(asked)
        return { resource, configs: Object.fromEntries(configs.map(({ name, value }) => [name, value!])) }
      },
      wanted => services.configs.replace(wanted, validateOnly),
    )
    return { throttleTimeMs: 0, responses }
  },

  refuse: (request, error, message) => ({
    throttleTimeMs: 0,
    responses: request.resources.map(resource => outcomeOf(resource, error, message)),
  }),
})
