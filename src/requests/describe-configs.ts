/**
 * DescribeConfigs: what holds for topics, brokers, their loggers and subscriptions of client metrics, and where it
 * comes from. The source is told since version 1; in version 0 Kafka 3.9 calls nothing a default, and neither do
 * we. Before version 3 there is neither type nor documentation.
 */
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'
import {
  describeConfigsRequest,
  describeConfigsResponse,
} from '../../protocol-codecs/messages/describe-configs.ts'
import type { ConfigEntry } from '../settings/config-entries.ts'
import type { Setting, SettingType } from '../settings/setting.ts'
import { describeLoggers } from './broker-loggers.ts'
import {
  configResource,
  type NamedResource,
  outcomeOf,
  requireResourceType,
  resourceTypes,
} from './config-resources.ts'
import { handler } from './handler.ts'

const typeIds: Readonly<Record<SettingType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
}
const unknownTypeId = 0
const passwordTypeId = 9

export const describeConfigs = handler({
  request: describeConfigsRequest,
  response: describeConfigsResponse,
  versions: '0-4',
  ordering: 'pipelined',

  handle(request, services) {
    // What is no resource at all makes nonsense of the whole request, as in Kafka.
    for (const asked of request.resources) requireResourceType(asked)
    const shown = (entry: ConfigEntry) => ({
      name: entry.name,
      value: entry.value,
      readOnly: entry.isReadOnly,
      configSource: entry.source,
      isSensitive: entry.setting === undefined || entry.setting.sensitive === true,
      synonyms: request.includeSynonyms ? entry.synonyms : [],
      configType: typeIdOf(entry.setting),
      documentation: request.includeDocumentation ? (entry.setting?.documentation ?? null) : null,
    })
    const configsOf = (asked: NamedResource, names: ReadonlySet<string> | undefined) => {
      if (asked.resourceType !== resourceTypes.brokerLogger) {
        return services.configs.describe(configResource(asked), names).map(shown)
      }
      const { localId } = services.cluster.view()
      return describeLoggers(services.loggers, localId, asked.resourceName, names)
    }
    const results = request.resources.map(asked => {
      const { configurationKeys } = asked
      const names = configurationKeys?.length ? new Set(configurationKeys) : undefined
      try {
        return { ...outcomeOf(asked, 'NONE', ''), configs: configsOf(asked, names) }
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        return { ...outcomeOf(asked, error.name, error.message), configs: [] }
      }
    })
    return { throttleTimeMs: 0, results }
  },

  refuse: (request, error, message) => ({
    throttleTimeMs: 0,
    results: request.resources.map(resource => ({ ...outcomeOf(resource, error, message), configs: [] })),
  }),
})

function typeIdOf(setting: Setting | undefined): number {
  if (setting === undefined) return unknownTypeId
  return setting.sensitive === true ? passwordTypeId : typeIds[setting.type]
}
