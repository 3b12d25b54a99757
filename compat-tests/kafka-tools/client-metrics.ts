/** Which metrics clients are asked for: kafka-client-metrics. */
import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { eventually } from '../wait-for.ts'
import { linesOf, refusedTool, tool } from './tools.ts'

async function administersSubscriptions(context: TestContext): Promise<void> {
  const name = context.uniqueName('subscription')
  const run = (...args: string[]) => tool(context, 'kafka-client-metrics', args)
  const listed = async () => linesOf(await run('--list')).includes(name)
  context.cleanUp(() => run('--delete', '--name', name))
  const wishes = ['--metrics', 'org.apache.kafka.producer.,org.apache.kafka.consumer.', '--interval', '2000']
  const altered = await run('--alter', '--name', name, ...wishes, '--match', 'client_id=nobody.*')
  assert.equal(altered, `Altered client metrics config for ${name}.\n`)
  await eventually('it to be listed', listed, Boolean)
  assert.deepEqual(linesOf(await run('--describe', '--name', name)), [
    `Client metrics configs for ${name} are:`,
    '  interval.ms=2000',
    '  match=client_id=nobody.*',
    '  metrics=org.apache.kafka.producer.,org.apache.kafka.consumer.',
  ])
  assert.equal(await run('--delete', '--name', name), `Deleted client metrics config for ${name}.\n`)
  await eventually('it to be gone', listed, isListed => !isListed)

  const refused = (...args: string[]) =>
    refusedTool(context, 'kafka-client-metrics', ['--alter', '--name', name, ...args])
  assert.match(await refused('--interval', '99'), /interval must be between 100 and 3600000 \(1 hour\)/)
  assert.match(await refused('--match', 'nobody=a'), /Illegal client matching pattern: nobody=a/)
  assert.ok(!(await listed()))
}

export const clientMetricsCapabilities: Capability[] = inArea('configs', [
  { name: 'kafka-client-metrics: alter, describe, list, delete', test: administersSubscriptions },
])
