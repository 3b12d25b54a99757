/** Configurations through kafkajs's admin client: of a topic and of the broker, and what a running producer meets. */
import assert from 'node:assert/strict'
import kafkajs, { type Admin } from 'kafkajs'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { eventually } from '../wait-for.ts'
import { connectedAdmin, connectedProducer, createTopic, protocolError } from './client.ts'

const { ConfigResourceTypes } = kafkajs

type Configs = Record<string, string>

async function topicConfigs(admin: Admin, name: string, configNames: string[]): Promise<Configs> {
  const resources = [{ type: ConfigResourceTypes.TOPIC, name, configNames }]
  const described = await admin.describeConfigs({ resources, includeSynonyms: false })
  const { configEntries } = described.resources[0]!
  return Object.fromEntries(configEntries.map(({ configName, configValue }) => [configName, configValue]))
}

function alterTopic(admin: Admin, name: string, configs: Configs): Promise<unknown> {
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
  return admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name, configEntries }],
  })
}

async function describesAndAlters(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'configured', 1, { 'retention.ms': '3600000' })
  const names = ['retention.ms', 'segment.ms', 'cleanup.policy']
  const retention = { 'cleanup.policy': 'delete', 'retention.ms': '3600000', 'segment.ms': '604800000' }
  assert.deepEqual(await topicConfigs(admin, topic, names), retention)
  await alterTopic(admin, topic, { 'segment.ms': '86400000', 'cleanup.policy': 'delete,compact' })
  await eventually(
    'the topic to be altered',
    () => topicConfigs(admin, topic, names),
    configs => configs['cleanup.policy'] === 'delete,compact' && configs['segment.ms'] === '86400000',
  )
  const { 'retention.ms': reset } = await topicConfigs(admin, topic, names)
  assert.equal(reset, '604800000', 'what is not named goes back to its default')
  assert.equal(await protocolError(alterTopic(admin, topic, { 'segment.ms': 'long' })), 'INVALID_CONFIG')
  assert.equal(await protocolError(alterTopic(admin, topic, { 'no.such': '1' })), 'INVALID_CONFIG')
  const nobody = context.uniqueName('nobody')
  assert.equal(
    await protocolError(alterTopic(admin, nobody, { 'segment.ms': '1' })),
    'UNKNOWN_TOPIC_OR_PARTITION',
  )
}

async function describesBroker(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const { brokers } = await admin.describeCluster()
  const id = brokers[0]!.nodeId
  const resources = [
    { type: ConfigResourceTypes.BROKER, name: String(id), configNames: ['node.id', 'message.max.bytes'] },
  ]
  const described = await admin.describeConfigs({ resources, includeSynonyms: true })
  const entries = described.resources[0]!.configEntries.map(({ configName, configValue, readOnly }) => ({
    configName,
    configValue,
    readOnly,
  }))
  entries.sort((a, b) => (a.configName < b.configName ? -1 : 1))
  assert.deepEqual(entries, [
    { configName: 'message.max.bytes', configValue: '1048588', readOnly: false },
    { configName: 'node.id', configValue: String(id), readOnly: true },
  ])
}

async function limitsRunningProducer(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'limited')
  const producer = await connectedProducer(context)
  const send = async (): Promise<string> => {
    const sent = producer.send({ topic, messages: [{ value: Buffer.alloc(5000) }] })
    return sent.then(
      () => 'sent',
      error => protocolError(Promise.reject(error)),
    )
  }
  assert.equal(await send(), 'sent')
  await alterTopic(admin, topic, { 'max.message.bytes': '2000' })
  await eventually('the limit to hold', send, outcome => outcome === 'MESSAGE_TOO_LARGE')
  await alterTopic(admin, topic, { 'max.message.bytes': '10000' })
  await eventually('the new limit to hold', send, outcome => outcome === 'sent')
}

export const configCapabilities: Capability[] = inArea('configs', [
  { name: 'describeConfigs and alterConfigs of a topic', test: describesAndAlters },
  { name: 'describeConfigs of the broker', test: describesBroker },
  { name: 'alterConfigs under a running producer', test: limitsRunningProducer },
])
