/**
 * A broker of the kind under test at a port that nobody chose: published tests of some clients know one address only,
 * and cannot be told another. Where the port is taken this is a counted skip, for whoever listens there is not ours to
 * test, let alone to fill with topics.
 */
import { createServer } from 'node:net'
import type { BrokerUnderTest } from './broker-under-test.ts'
import { requireStart, Skipped, type TestContext } from './capability.ts'

export async function brokerAtPort(
  context: TestContext,
  port: number,
  settings: Record<string, string> = {},
): Promise<BrokerUnderTest> {
  await requireFreePorts([port])
  return await requireStart(context)(settings, port)
}

export async function requireFreePorts(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    if (!(await isFree(port))) throw new Skipped(`port ${port}, which these tests insist on, is taken here`)
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
