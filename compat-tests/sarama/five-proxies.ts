/**
 * What sarama's functional tests find in place of the five brokers that they were written for: toxiproxy, which they
 * tell to slow down, cut and refuse connections, with five proxies that all lead to the one broker. It says of itself
 * that it is behind the first. The addresses are those that the tests know.
 */
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { freePort, startBrokerProcess } from '../../scripts/broker-process.ts'
import { requireFreePorts } from '../broker-at-port.ts'
import { requireStart, type TestContext } from '../capability.ts'
import { madeFrom, run } from '../driven-clients/toolchains.ts'
import { eventually } from '../wait-for.ts'

const ports = [29091, 29092, 29093, 29094, 29095]
const command = 'github.com/Shopify/toxiproxy/v2/cmd/server'

/** Starts a broker and the proxies before it, and gives the address where toxiproxy takes orders. */
export async function fiveProxies(context: TestContext): Promise<string> {
  const program = await toxiproxy()
  await requireFreePorts(ports)
  const broker = await requireStart(context)({
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports[0]}`,
    // As theirs have it.
    'auto.create.topics.enable': 'false',
    'broker.rack': '1',
  })
  const proxies = ports.map((port, index) => ({
    name: `kafka${index + 1}`,
    listen: `127.0.0.1:${port}`,
    upstream: broker.bootstrap,
    enabled: true,
  }))
  const configuration = join(await context.temporaryDirectory(), 'proxies.json')
  await writeFile(configuration, JSON.stringify(proxies))
  const ordersPort = await freePort()
  const proxy = await startBrokerProcess({
    command: program,
    args: ['-host', '127.0.0.1', '-port', String(ordersPort), '-config', configuration],
    readyPattern: /Starting HTTP server/,
    startTimeoutMs: 20_000,
    stopTimeoutMs: 5_000,
  })
  context.cleanUp(proxy.kill9)
  const address = `http://127.0.0.1:${ordersPort}`
  await eventually(
    'toxiproxy to take orders',
    () =>
      fetch(`${address}/version`).then(
        ({ ok }) => ok,
        () => false,
      ),
    isThere => isThere,
  )
  return address
}

async function toxiproxy(): Promise<string> {
  const folder = resolve('compat-tests', 'sarama', 'toxiproxy')
  const home = resolve('.cache', 'driven-clients', 'toxiproxy')
  const program = join(home, 'toxiproxy')
  await madeFrom(
    home,
    [join(folder, 'go.mod'), join(folder, 'go.sum')],
    await run('go', ['version']),
    async () => {
      await run('go', ['build', '-mod=readonly', '-o', program, command], folder)
    },
  )
  return program
}
