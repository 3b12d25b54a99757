/** Listeners that come and go while the broker runs: `listeners` is a configuration of the broker (KIP-226). */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { errorName } from '../protocol-codecs/error-codes.ts'
import { type Broker, openBroker } from './broker.ts'
import { describeCluster } from './requests/describe-cluster.ts'
import { incrementalAlterConfigs } from './requests/incremental-alter-configs.ts'
import { type BrokerSettings, brokerSettings } from './settings/broker-settings.ts'
import { RawClient } from './testing/raw-client.ts'

const first = 'PLAINTEXT://127.0.0.1:0'
const question = { includeClusterAuthorizedOperations: false }
const protocols = 'PLAINTEXT:PLAINTEXT,SECOND:PLAINTEXT'

function directoryFor(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'ottla-listeners-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function started(t: Test, directory: string, settings: Partial<BrokerSettings> = {}): Promise<Broker> {
  const changed = { 'log.dirs': [directory], listeners: [first], ...settings }
  const broker = await openBroker(brokerSettings(changed))
  t.teardown(() => broker.stop())
  return broker
}

async function connect(t: Test, port: number): Promise<RawClient> {
  const client = await RawClient.connect({ port })
  t.teardown(() => client.socket.destroy())
  return client
}

async function set(client: RawClient, configs: Record<string, string>, resourceName = '1'): Promise<string> {
  const steps = Object.entries(configs).map(([name, value]) => ({ name, configOperation: 0, value }))
  const resources = [{ resourceType: 4, resourceName, configs: steps }]
  const answer = await client.send(incrementalAlterConfigs, 1, { resources, validateOnly: false })
  const { errorCode, errorMessage } = answer.responses[0]!
  return errorCode === 0 ? 'NONE' : `${errorName(errorCode)} ${errorMessage}`
}

const namesOf = (broker: Broker) => broker.listeners.map(({ name }) => name)

/** Until the broker has listeners of these names; the tests' own time limit ends it. */
async function haveBecome(broker: Broker, names: string[]): Promise<void> {
  while (namesOf(broker).join() !== names.join()) await new Promise(resolve => setImmediate(resolve))
}

t.test('a listener is added, clients of it are told its address, and a restart has it too', async t => {
  const directory = directoryFor(t)
  const broker = await started(t, directory)
  const client = await connect(t, broker.listeners[0]!.port)
  const configs = { listeners: `${first},SECOND://127.0.0.1:0`, 'listener.security.protocol.map': protocols }
  t.equal(await set(client, configs), 'NONE')
  await haveBecome(broker, ['PLAINTEXT', 'SECOND'])
  const { port } = broker.listeners[1]!
  const { brokers } = await (await connect(t, port)).send(describeCluster, 1, question)
  t.match(brokers, [{ host: '127.0.0.1', port }])
  await broker.stop()
  t.same(namesOf(await started(t, directory)), ['PLAINTEXT', 'SECOND'])
})

t.test('a listener that is not advertised is taken away, with its connections', async t => {
  const settings = { 'advertised.listeners': [first], 'listener.security.protocol.map': protocols }
  const broker = await started(t, directoryFor(t), settings)
  const client = await connect(t, broker.listeners[0]!.port)
  t.equal(await set(client, { listeners: `${first},SECOND://127.0.0.1:0` }), 'NONE')
  await haveBecome(broker, ['PLAINTEXT', 'SECOND'])
  const second = await connect(t, broker.listeners[1]!.port)
  await second.send(describeCluster, 1, question)
  t.equal(await set(client, { listeners: first }), 'NONE')
  await second.closed
  t.same(namesOf(broker), ['PLAINTEXT'])
})

t.test('what cannot be is refused', async t => {
  const broker = await started(t, directoryFor(t), { 'listener.security.protocol.map': protocols })
  const client = await connect(t, broker.listeners[0]!.port)
  t.match(await set(client, { listeners: 'SECOND://127.0.0.1:0' }), /^INVALID_REQUEST Advertised listeners/)
  t.match(await set(client, { listeners: `${first},THIRD://:0` }), /^INVALID_REQUEST No security protocol/)
  t.match(await set(client, { listeners: 'nonsense' }), /^INVALID_REQUEST Invalid value nonsense/)
  t.match(
    await set(client, { listeners: first }, ''),
    /^INVALID_REQUEST Cannot update these configs at default cluster level, .*: \[listeners\]$/,
  )
  t.same(namesOf(broker), ['PLAINTEXT'])
})

t.test('an address that is taken leaves the others as they are', async t => {
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  const directory = directoryFor(t)
  const settings = {
    'advertised.listeners': [first],
    'listener.security.protocol.map': `${protocols},THIRD:PLAINTEXT`,
  }
  const broker = await started(t, directory, settings)
  const client = await connect(t, broker.listeners[0]!.port)
  const listeners = `${first},SECOND://127.0.0.1:${port},THIRD://127.0.0.1:0`
  t.equal(await set(client, { listeners }), 'NONE')
  await haveBecome(broker, ['PLAINTEXT', 'THIRD'])
  t.equal((await client.send(describeCluster, 1, question)).errorCode, 0)
  await broker.stop()
  t.same(namesOf(await started(t, directory, settings)), ['PLAINTEXT', 'THIRD'], 'a start too')
})
