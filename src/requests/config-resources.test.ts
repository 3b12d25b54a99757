/** Configurations of what is neither a topic nor a broker: loggers and subscriptions of client metrics. */
import t, { type Test } from 'tap'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { type ConfigOperation, configOperations } from '../settings/config-operations.ts'
import { call, type TestServices, testNode, testServices } from '../testing/test-services.ts'
import { alterConfigs } from './alter-configs.ts'
import { resourceTypes } from './config-resources.ts'
import { describeConfigs } from './describe-configs.ts'
import { incrementalAlterConfigs } from './incremental-alter-configs.ts'
import { listConfigResources } from './list-config-resources.ts'

const node = String(testNode.nodeId)

async function servicesFor(t: Test): Promise<TestServices> {
  const services = await testServices()
  t.teardown(() => services.close())
  return services
}

type Step = [name: string, operation: ConfigOperation, value: string | null]

/** Asks about one resource and shows the answer in a line. */
function asker(services: TestServices, resourceType: number) {
  return {
    async alter(resourceName: string, steps: Step[], validateOnly = false): Promise<string> {
      const configs = steps.map(([name, operation, value]) => ({
        name,
        configOperation: configOperations.indexOf(operation),
        value,
      }))
      const resources = [{ resourceType, resourceName, configs }]
      const answer = await call(incrementalAlterConfigs, 1, { resources, validateOnly }, services)
      const { errorCode, errorMessage } = answer.responses[0]!
      return errorCode === 0 ? 'NONE' : `${errorName(errorCode)} ${errorMessage}`
    },
    async describe(resourceName: string, configurationKeys: string[] | null = null) {
      const resources = [{ resourceType, resourceName, configurationKeys }]
      const answer = await call(describeConfigs, 4, { resources, includeSynonyms: true }, services)
      const { configs, errorCode, errorMessage } = answer.results[0]!
      if (errorCode !== 0) return `${errorName(errorCode)} ${errorMessage}`
      return configs.map(({ name, value, configSource }) => `${name}=${value} (${configSource})`)
    },
  }
}

t.test('levels of loggers', async t => {
  const services = await servicesFor(t)
  const network = services.loggers.logger('ottla.network')
  const { alter, describe } = asker(services, resourceTypes.brokerLogger)

  await t.test('are described with Kafka’s names for them', async t => {
    t.same(await describe(node), ['ottla.network=INFO (6)', 'root=INFO (6)'])
    t.same(await describe(node, ['root', 'nobody']), ['root=INFO (6)'])
  })

  await t.test('change at once, each or all, and follow root again', async t => {
    network.warn('heard')
    t.equal(await alter(node, [['ottla.network', 'SET', 'ERROR']]), 'NONE')
    network.warn('unheard')
    t.same(services.warnings, ['heard'])
    t.same(await describe(node), ['ottla.network=ERROR (6)', 'root=INFO (6)'])
    t.equal(await alter(node, [['root', 'SET', 'WARN']]), 'NONE')
    t.equal(await alter(node, [['ottla.network', 'DELETE', null]]), 'NONE')
    t.same(await describe(node), ['ottla.network=WARN (6)', 'root=WARN (6)'])
  })

  await t.test('stay as they are if a request is wrong in anything, or is to be checked only', async t => {
    const before = await describe(node)
    t.equal(await alter(node, [['root', 'SET', 'DEBUG']], true), 'NONE')
    const steps: Step[] = [
      ['root', 'SET', 'DEBUG'],
      ['kafka.server', 'SET', 'DEBUG'],
    ]
    t.equal(await alter(node, steps), 'INVALID_CONFIG Logger kafka.server does not exist!')
    t.match(await alter(node, [['root', 'SET', 'warn']]), /^INVALID_CONFIG Cannot set the log level of root/)
    t.match(await alter(node, [['root', 'SET', 'OFF']]), /^INVALID_CONFIG .* DEBUG, ERROR, FATAL, INFO/)
    t.match(
      await alter(node, [['root', 'DELETE', null]]),
      /^INVALID_REQUEST Removing the log level of the root/,
    )
    t.match(
      await alter(node, [['root', 'APPEND', 'INFO']]),
      /^INVALID_REQUEST APPEND operation is not allowed/,
    )
    t.match(await alter(node, [['root', 'SET', null]]), /^INVALID_REQUEST Null value not supported/)
    t.same(await describe(node), before)
  })

  await t.test('are this broker’s only, and not to be replaced as a whole', async t => {
    t.match(await describe(''), /^INVALID_REQUEST Broker id must not be empty/)
    t.match(await describe('9'), /^INVALID_REQUEST Unexpected broker id, expected 1 but received 9/)
    t.match(await alter('9', [['root', 'SET', 'INFO']]), /^INVALID_REQUEST Unexpected node id. Expected 1/)
    t.match(await alter('', []), /^INVALID_REQUEST Node id must be an integer, but it is: $/)
    const resources = [{ resourceType: resourceTypes.brokerLogger, resourceName: node, configs: [] }]
    const { responses } = await call(alterConfigs, 2, { resources, validateOnly: false }, services)
    t.match(responses[0], { errorMessage: 'Unknown resource type 8' })
  })
})

t.test('subscriptions of client metrics', async t => {
  const services = await servicesFor(t)
  const { alter, describe } = asker(services, resourceTypes.clientMetrics)
  const listed = async () => {
    const answer = await call(listConfigResources, 0, {}, services)
    return answer.configResources.map(({ resourceName }) => resourceName)
  }

  await t.test('have defaults whether there are any or not', async t => {
    t.same(await describe('nobody'), ['interval.ms=300000 (5)', 'match= (5)', 'metrics= (5)'])
    t.same(await listed(), [])
  })

  await t.test('exist while something is set on them', async t => {
    const steps: Step[] = [
      ['metrics', 'SET', 'org.apache.kafka.producer., org.apache.kafka.consumer.'],
      ['interval.ms', 'SET', '5000'],
      ['match', 'SET', 'client_id=a.*,client_software_name=librdkafka'],
    ]
    t.equal(await alter('some', steps), 'NONE')
    t.same(await describe('some'), [
      'interval.ms=5000 (7)',
      'match=client_id=a.*,client_software_name=librdkafka (7)',
      'metrics=org.apache.kafka.producer.,org.apache.kafka.consumer. (7)',
    ])
    t.same(await listed(), ['some'])
    t.equal(
      await alter(
        'some',
        steps.map(([name]) => [name, 'DELETE', null]),
      ),
      'NONE',
    )
    t.same(await listed(), [])
  })

  await t.test('take what Kafka takes', async t => {
    const problem = async (name: string, value: string, operation: ConfigOperation = 'SET') =>
      alter('wrong', [[name, operation, value]])
    t.match(await problem('nobody', '1'), /^INVALID_REQUEST Unknown client metrics configuration: nobody/)
    t.match(await problem('interval.ms', '99'), /^INVALID_REQUEST Invalid value 99 for interval.ms, interval/)
    t.match(await problem('interval.ms', '3600001'), /^INVALID_REQUEST/)
    t.match(await problem('interval.ms', 'a'), /^INVALID_CONFIG .* Not a number of type INT$/)
    for (const pattern of ['client_id', 'client_id=', 'nobody=a', 'client_id=[a', 'client_id=a=b', 'a']) {
      t.equal(await problem('match', pattern), `INVALID_CONFIG Illegal client matching pattern: ${pattern}`)
    }
    t.match(await problem('metrics', 'a', 'APPEND'), /^INVALID_CONFIG Can't APPEND to key metrics/)
    t.match(await alter('', []), /^INVALID_REQUEST Subscription name can't be empty/)
    t.match(await describe(''), /^INVALID_REQUEST Client metrics subscription name must not be empty/)
    t.same(await listed(), [])
    t.equal(await problem('metrics', 'a,a'), 'NONE', 'twice the same')
  })
})

t.test('what is no resource makes nonsense of the whole request', async t => {
  const services = await servicesFor(t)
  for (const resourceType of [0, 99]) {
    const resources = [resourceTypes.broker, resourceType].map(type => ({
      resourceType: type,
      resourceName: node,
      configurationKeys: null,
    }))
    await t.rejects(async () => call(describeConfigs, 4, { resources }, services), {
      name: 'INVALID_REQUEST',
      message: `Unknown resource type ${resourceType}`,
    })
  }
})

t.test('everything that can be described is listed in Kafka’s order', async t => {
  const services = await servicesFor(t)
  await services.createTopic('orders')
  await asker(services, resourceTypes.clientMetrics).alter('some', [['metrics', 'SET', '*']])
  const answer = await call(listConfigResources, 1, { resourceTypes: [] }, services)
  t.same(
    answer.configResources.map(({ resourceName, resourceType }) => [resourceType, resourceName]),
    [
      [resourceTypes.clientMetrics, 'some'],
      [resourceTypes.brokerLogger, node],
      [resourceTypes.broker, node],
      [resourceTypes.topic, 'orders'],
    ],
  )
})
