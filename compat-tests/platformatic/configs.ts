/** Configurations through the admin client of @platformatic/kafka: described, altered one by one, and replaced. */
import assert from 'node:assert/strict'
import { ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { eventually } from '../wait-for.ts'
import { createTopic, openAdmin, refusedWith } from './client.ts'

const { SET, DELETE, APPEND, SUBTRACT } = IncrementalAlterConfigOperationTypes
const sources = { topic: 1, default: 5 }

type Described = Record<string, readonly [value: string | null | undefined, source: number]>

async function describe(context: TestContext, topic: string): Promise<Described> {
  const resources = [
    {
      resourceType: ConfigResourceTypes.TOPIC,
      resourceName: topic,
      configurationKeys: ['retention.ms', 'cleanup.policy'],
    },
  ]
  const options = { resources, includeSynonyms: true, includeDocumentation: true }
  const [described] = await openAdmin(context).describeConfigs(options)
  for (const { documentation } of described!.configs) assert.ok(documentation)
  return Object.fromEntries(
    described!.configs.map(({ name, value, configSource }) => [name, [value, configSource] as const]),
  )
}

const isAltered = (retention: string, policy: string) => (configs: Described) =>
  configs['retention.ms']?.[0] === retention && configs['cleanup.policy']?.[0] === policy

async function altersOneByOne(context: TestContext): Promise<void> {
  const admin = openAdmin(context)
  const topic = await createTopic(context, 'altered')
  const now = () => describe(context, topic)
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic }
  assert.deepEqual(await now(), {
    'cleanup.policy': ['delete', sources.default],
    'retention.ms': ['604800000', sources.default],
  })
  await admin.incrementalAlterConfigs({
    resources: [
      {
        ...resource,
        configs: [
          { name: 'retention.ms', configOperation: SET, value: '3600000' },
          { name: 'cleanup.policy', configOperation: APPEND, value: 'compact' },
        ],
      },
    ],
  })
  const altered = await eventually('the topic to be altered', now, isAltered('3600000', 'delete,compact'))
  assert.equal(altered['retention.ms']![1], sources.topic)
  await admin.incrementalAlterConfigs({
    resources: [
      {
        ...resource,
        configs: [
          { name: 'retention.ms', configOperation: DELETE },
          { name: 'cleanup.policy', configOperation: SUBTRACT, value: 'delete' },
        ],
      },
    ],
  })
  await eventually('the topic to be altered again', now, isAltered('604800000', 'compact'))
  const append = { name: 'retention.ms', configOperation: APPEND, value: '1' }
  await refusedWith(
    admin.incrementalAlterConfigs({ resources: [{ ...resource, configs: [append] }] }),
    'INVALID_CONFIG',
  )
}

async function replaces(context: TestContext): Promise<void> {
  const admin = openAdmin(context)
  const topic = await createTopic(context, 'replaced')
  const replace = (resourceName: string, value: string, validateOnly = false) =>
    admin.alterConfigs({
      resources: [
        { resourceType: ConfigResourceTypes.TOPIC, resourceName, configs: [{ name: 'retention.ms', value }] },
      ],
      validateOnly,
    })
  await replace(topic, '3600000')
  await eventually('the topic to be altered', () => describe(context, topic), isAltered('3600000', 'delete'))
  await replace(topic, '1', true)
  await refusedWith(replace(topic, 'long', true), 'INVALID_CONFIG')
  assert.ok(isAltered('3600000', 'delete')(await describe(context, topic)))
  await refusedWith(replace(context.uniqueName('nobody'), '1'), 'UNKNOWN_TOPIC_OR_PARTITION')
}

export const configCapabilities: Capability[] = inArea('configs', [
  { name: 'describeConfigs and incrementalAlterConfigs of a topic', test: altersOneByOne },
  { name: 'alterConfigs of a topic, and validateOnly', test: replaces },
])
