/** `ottla cluster` and `ottla healthcheck`, and what all commands say of a broker that is not there or not one. */
import assert from 'node:assert/strict'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { connectedAdmin } from '../kafkajs/client.ts'
import { ottla, ottlaJson, refused } from './ottla.ts'

async function describes(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const { clusterId, brokers } = await admin.describeCluster()
  const cluster = await ottlaJson(context, ['cluster'])
  assert.equal(cluster.clusterId, clusterId)
  assert.deepEqual(
    cluster.brokers.map(({ nodeId, host, port }: Record<string, unknown>) => ({ nodeId, host, port })),
    brokers,
  )
  assert.equal(cluster.controllerId, brokers[0]!.nodeId)
  assert.ok(cluster.features['metadata.version'] > 0)
  const produce = cluster.brokers[0].apis.find(({ name }: { name: string }) => name === 'Produce')
  assert.deepEqual([produce.apiKey, produce.minVersion <= 3], [0, true])
  const text = await ottla(context, ['cluster', '--api-versions'])
  assert.match(text, new RegExp(`^Cluster +${clusterId}$`, 'm'))
  assert.match(text, /^ +18 {2}ApiVersions +0-\d$/m)
}

async function isHealthy(context: TestContext): Promise<void> {
  assert.match(await ottla(context, ['healthcheck']), /^Broker \S+ of cluster \S+ answered in \d+ ms\n$/)
  const { healthy, broker } = await ottlaJson(context, ['healthcheck', '--timeout', '10s'])
  assert.deepEqual([healthy, broker], [true, context.bootstrap])
}

async function listening(context: TestContext, server: Server): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  context.cleanUp(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function noBroker(context: TestContext): Promise<void> {
  const to = (address: string) => ['--bootstrap-server', address]
  assert.equal(
    await refused(context, ['healthcheck', ...to('127.0.0.1:1')], 69),
    'ottla: Cannot connect to broker 127.0.0.1:1: connection refused.\n',
  )
  // How long a resolver takes to say so is not ours to say.
  const unknown = ['topic', 'list', '--request-timeout', '3s', ...to('no-such-host.invalid:9092')]
  assert.match(await refused(context, unknown, 69), /cannot be resolved|no answer within 3000 ms/)
  const http = await listening(context, createHttpServer())
  assert.match(await refused(context, ['healthcheck', ...to(http)], 76), /answered in HTTP/)
  const silent = await listening(context, createServer())
  const slow = ['healthcheck', '--timeout', '300ms', ...to(silent)]
  assert.match(await refused(context, slow, 75), /did not answer ApiVersions within 300 ms/)
  // One that answers is enough.
  assert.match(
    await ottla(context, ['healthcheck', ...to(`127.0.0.1:1,${context.bootstrap}`)]),
    /answered in/,
  )
}

export const clusterCapabilities: Capability[] = inArea('cluster', [
  { name: 'describe the cluster', test: describes },
  { name: 'check the health of a broker', test: isHealthy },
  { name: 'be told what is wrong with an address', test: noBroker },
])
