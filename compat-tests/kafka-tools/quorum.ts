/** The metadata quorum and the levels of features: kafka-metadata-quorum, kafka-features. */
import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { connectedAdmin } from '../kafkajs/client.ts'
import { linesOf, saidBy, tool } from './tools.ts'

async function describesQuorum(context: TestContext): Promise<void> {
  const { brokers, clusterId } = await (await connectedAdmin(context)).describeCluster()
  const id = String(brokers[0]!.nodeId)
  const status = linesOf(await tool(context, 'kafka-metadata-quorum', ['describe', '--status']))
  const facts = Object.fromEntries(status.map(line => line.split(/:\s+/, 2) as [string, string]))
  assert.equal(facts.ClusterId, clusterId)
  assert.equal(facts.LeaderId, id)
  assert.equal(facts.MaxFollowerLag, '0')
  assert.equal(facts.CurrentObservers, '[]')
  assert.match(status.join(''), new RegExp(`CurrentVoters: +\\[\\{"id": ${id}, "endpoints": \\["\\w+://`))
  assert.ok(Number(facts.HighWatermark) > 0)

  const [, voter, ...others] = linesOf(
    await tool(context, 'kafka-metadata-quorum', ['describe', '--replication']),
  )
  assert.deepEqual(others, [])
  const [nodeId, directoryId, endOffset, lag] = voter!.split(/\s+/)
  assert.deepEqual([nodeId, directoryId, lag], [id, 'AAAAAAAAAAAAAAAAAAAAAA', '0'])
  assert.ok(Number(endOffset) >= Number(facts.HighWatermark))
}

async function metadataVersion(context: TestContext): Promise<string> {
  const lines = linesOf(await tool(context, 'kafka-features', ['describe']))
  const line = lines.find(one => one.startsWith('Feature: metadata.version'))
  return /FinalizedVersionLevel: (\S+)/.exec(line!)![1]!
}

async function updatesFeatures(context: TestContext): Promise<void> {
  const before = await metadataVersion(context)
  const features = (...args: string[]) => saidBy(context, 'kafka-features', args)
  const dryRun = await features('downgrade', '--feature', 'metadata.version=7', '--dry-run')
  assert.match(
    dryRun,
    /Can not downgrade metadata\.version to 7\. .*Refusing to perform the requested downgrade/,
  )
  assert.match(
    await features('upgrade', '--feature', 'metadata.version=999'),
    /Could not upgrade metadata\.version to 999\. .*Local controller \d+ only supports versions 7-\d+/,
  )
  const unknown = await features('upgrade', '--feature', 'nobody.version=1')
  assert.match(unknown, /Could not upgrade nobody\.version to 1\. .*does not support this feature/)
  assert.match(
    await features('disable', '--feature', 'metadata.version'),
    /Could not disable metadata\.version/,
  )
  assert.equal(await metadataVersion(context), before)
}

export const quorumCapabilities: Capability[] = inArea('cluster', [
  { name: 'kafka-metadata-quorum describe', test: describesQuorum },
  { name: 'kafka-features: describe, and what is refused', test: updatesFeatures },
])
