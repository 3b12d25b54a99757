/**
 * Checks the container as far as that goes without a container engine: reads the Dockerfile and the compose file,
 * repeats the Dockerfile's steps in an empty folder on this machine, and uses what would be in the image as the
 * image would - as another user, with its environment and its folders - with kafkajs. What changes a system (users,
 * ownership) is not repeated, only looked at. Prints "N passed, N failed, N skipped".
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Kafka, logLevel } from 'kafkajs'
import { parse } from 'yaml'
import { findBrokerSetting } from '../src/settings/broker-settings.ts'
import { settingOfVariable } from '../src/settings/environment.ts'
import { freePort } from './broker-process.ts'
import { type Instruction, readDockerfile } from './dockerfile.ts'
import { run } from './run-command.ts'

/** Whoever the container's user is, it is not root; `nobody` of the usual systems. */
const otherUser = 65534
/** The base image is not counted. */
const largestMegabytes = 40

let passed = 0
let failed = 0
let skipped = 0
async function check(sentence: string, body: () => Promise<void> | void): Promise<void> {
  try {
    await body()
    passed++
    console.log(`ok      ${sentence}`)
  } catch (error) {
    failed++
    console.log(`FAILED  ${sentence}\n${(error as Error).stack}`)
  }
}

function requireThat(condition: boolean, sentence: string): void {
  if (!condition) throw new Error(sentence)
}

const stages = readDockerfile(readFileSync('Dockerfile', 'utf8'))
const image = stages.at(-1)!
const all = (name: string): Instruction[] =>
  image.instructions.filter(instruction => instruction.name === name)
const last = (name: string): string => all(name).at(-1)?.text ?? ''

await check('the image runs as a user of its own, who may write to its volumes', () => {
  const user = last('USER')
  const prepared = all('RUN')
    .map(({ text }) => text)
    .join('\n')
  requireThat(user === '1000' && prepared.includes('adduser -D -u 1000 appuser'), `USER ${user}`)
  for (const volume of JSON.parse(last('VOLUME')) as string[]) {
    requireThat(prepared.includes(volume), `${volume} is not made`)
    const owned = /chown -R appuser (.+)/.exec(prepared)?.[1]?.split(' ') ?? []
    requireThat(
      owned.some(folder => volume.startsWith(folder)),
      `${volume} is not the user's`,
    )
  }
})
await check('volumes and ports are those of the apache/kafka image, and the one for metrics', () => {
  const volumes = ['/var/lib/kafka/data', '/mnt/shared/config', '/etc/kafka/secrets']
  requireThat(JSON.stringify(JSON.parse(last('VOLUME'))) === JSON.stringify(volumes), last('VOLUME'))
  requireThat(last('EXPOSE') === '9092 9404', last('EXPOSE'))
})
await check('the compose file names folders, ports and services that exist', checkCompose)

const temporary = mkdtempSync(join(tmpdir(), 'ottla-container-'))
try {
  const root = join(temporary, 'image')
  await check("the Dockerfile's steps build what it copies", () => build(root))
  await check(`the image adds less than ${largestMegabytes} MB to its base`, () => {
    const megabytes = sizeOf(root) / 1e6
    console.log(`        ${megabytes.toFixed(1)} MB`)
    requireThat(megabytes < largestMegabytes, `${megabytes} MB`)
  })
  if (process.getuid?.() === 0)
    await check('it starts, serves, is healthy and stops, as another user', () => use(root))
  else {
    skipped++
    console.log('skipped it starts, serves, is healthy and stops, as another user: only root can become one')
  }
} finally {
  rmSync(temporary, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed === 0 ? 0 : 1

interface ComposeService {
  readonly image?: string
  readonly build?: string
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, unknown>> | readonly string[]
}

function checkCompose(): void {
  const file = parse(readFileSync('compose.yaml', 'utf8')) as {
    services: Record<string, ComposeService>
    volumes: Record<string, unknown>
  }
  for (const [name, service] of Object.entries(file.services)) {
    requireThat(service.build === '.' || /:v?\d/.test(service.image ?? ''), `${name} has no fixed image`)
    for (const volume of service.volumes ?? []) {
      const source = volume.split(':')[0]!
      if (source.startsWith('.')) requireThat(existsSync(source), `${name}: ${source} does not exist`)
      else requireThat(source in file.volumes, `${name}: volume ${source} is not declared`)
    }
    const needed = service.depends_on ?? []
    for (const other of Array.isArray(needed) ? needed : Object.keys(needed)) {
      requireThat(other in file.services, `${name} depends on ${other}, which is no service`)
    }
  }
  const { ottla } = file.services
  const exposed = last('EXPOSE').split(' ')
  for (const port of ottla!.ports!) {
    requireThat(exposed.includes(port.split(':').at(-1)!), `port ${port} is not exposed by the image`)
  }
  for (const variable of Object.keys(ottla!.environment!)) {
    const name = settingOfVariable(variable.replace('KAFKA_', ''))
    requireThat(findBrokerSetting(name) !== undefined, `${variable} is no setting`)
  }
  const scraped = parse(readFileSync('deploy/prometheus/prometheus.yml', 'utf8')) as {
    scrape_configs: { static_configs: { targets: string[] }[] }[]
  }
  const target = scraped.scrape_configs[0]!.static_configs[0]!.targets[0]
  requireThat(target === 'ottla:9404', `Prometheus scrapes ${target}`)
  const folder = 'deploy/grafana/provisioning/datasources'
  const { datasources } = parse(readFileSync(join(folder, readdirSync(folder)[0]!), 'utf8')) as {
    datasources: { url: string }[]
  }
  requireThat(datasources[0]!.url === 'http://prometheus:9090', `Grafana asks ${datasources[0]!.url}`)
}

/** Repeats the stages: each has a folder that stands for its root directory. The context is the last commit. */
function build(root: string): void {
  const context = join(temporary, 'context')
  run('git', ['clone', '--quiet', resolve('.'), context], temporary)
  rmSync(join(context, '.git'), { recursive: true })
  const folders = new Map<string, string>()
  for (const stage of stages) {
    const folder = stage === image ? root : join(temporary, `stage-${stage.alias}`)
    if (stage.alias !== undefined) folders.set(stage.alias, folder)
    let workFolder = folder
    for (const { name, text } of stage.instructions) {
      if (name === 'WORKDIR') {
        workFolder = join(folder, text)
        mkdirSync(workFolder, { recursive: true })
      } else if (name === 'COPY') {
        const words = text.split(/\s+/)
        const from = words[0]!.startsWith('--from=')
          ? folders.get(words.shift()!.slice('--from='.length))
          : context
        const target = words.pop()!
        for (const word of words)
          copy(
            join(from!, word),
            target.startsWith('/') ? join(folder, target) : join(workFolder, target),
            target,
          )
      } else if (name === 'RUN' && text.startsWith('npm ')) {
        const [command, ...parameters] = text.split(' ')
        run(command!, parameters, workFolder)
      }
    }
  }
}

function copy(source: string, target: string, written: string): void {
  const isIntoFolder = written.endsWith('/') && !statSync(source).isDirectory()
  const path = isIntoFolder ? join(target, source.slice(dirname(source).length)) : target
  mkdirSync(dirname(path), { recursive: true })
  cpSync(source, path, { recursive: true })
}

function sizeOf(path: string): number {
  const { size } = statSync(path)
  if (!statSync(path).isDirectory()) return size
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), size)
}

/** The image in use: its entry point as another user, with a folder that stands for the image's root. */
function containerIn(root: string) {
  const entry = join(root, 'usr/local/bin', (JSON.parse(last('ENTRYPOINT')) as string[])[0]!)
  const env = { PATH: process.env.PATH, NODE_ENV: 'production', OTTLA_ROOT: root }
  const options = { cwd: join(root, last('WORKDIR')), env, uid: otherUser, gid: otherUser }
  return {
    isHealthy(port: number): boolean {
      const parameters = ['healthcheck', '--bootstrap-server', `127.0.0.1:${port}`]
      return spawnSync(entry, parameters, options).status === 0
    },
    /** Runs it with a command line, uses it, and stops it with the image's signal. */
    async whileRunning(commandLine: readonly string[], work: () => Promise<void>): Promise<void> {
      const broker = spawn(entry, commandLine, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
      let errors = ''
      broker.stderr.on('data', text => {
        errors += text
      })
      const ended = new Promise<number | null>(end => broker.once('exit', end))
      try {
        await new Promise<void>((ready, reject) => {
          createInterface({ input: broker.stdout }).once('line', () => ready())
          void ended.then(code => reject(new Error(`it ended with ${code}: ${errors}`)))
        })
        await work()
      } finally {
        broker.kill(last('STOPSIGNAL') as NodeJS.Signals)
      }
      requireThat((await ended) === 0, `it ended with ${await ended}: ${errors}`)
    },
  }
}

async function use(root: string): Promise<void> {
  const [port, metricsPort] = [await freePort(), await freePort()]
  const data = join(root, last('WORKDIR'), 'data')
  mkdirSync(data, { recursive: true })
  for (const folder of [dirname(data), data]) chmodSync(folder, 0o777)
  chmodSync(temporary, 0o755)
  const container = containerIn(root)
  requireThat(!container.isHealthy(port), 'healthy before it was started')

  const flags = [`listeners=PLAINTEXT://127.0.0.1:${port}`, `metrics.port=${metricsPort}`]
  const commandLine = [
    ...(JSON.parse(last('CMD')) as string[]),
    ...flags.flatMap(flag => ['--override', flag]),
  ]
  await container.whileRunning(commandLine, async () => {
    requireThat(container.isHealthy(port), 'not healthy while it runs')
    await produceAndConsume(port)
    requireThat(
      (await advertised(port)) === `localhost:${port}`,
      'clients on the host are not told localhost',
    )
    requireThat((await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).ok, 'no metrics')
  })
  requireThat(
    existsSync(join(data, '.kafka_cleanshutdown')),
    'the data are not in the volume, closed in order',
  )

  const mounted = join(root, 'mnt/shared/config/server.properties')
  mkdirSync(dirname(mounted), { recursive: true })
  writeFileSync(mounted, `listeners=PLAINTEXT://127.0.0.1:${port}\nmetrics.port=-1\nnum.partitions=3\n`)
  await container.whileRunning(['--override', 'num.partitions=2'], async () => {
    requireThat((await advertised(port)) === `127.0.0.1:${port}`, 'a file that is mounted does not count')
  })
}

/** Where a client that asks is told to go. */
async function advertised(port: number): Promise<string> {
  const admin = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const { brokers } = await admin.describeCluster()
  await admin.disconnect()
  return brokers.map(({ host, port }) => `${host}:${port}`).join()
}

async function produceAndConsume(port: number): Promise<void> {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'contained', messages: [{ key: 'k', value: 'v' }] })
  await producer.disconnect()
  const consumer = kafka.consumer({ groupId: 'contained' })
  await consumer.connect()
  await consumer.subscribe({ topic: 'contained', fromBeginning: true })
  const value = await new Promise<string | undefined>((got, reject) => {
    consumer.run({ eachMessage: async ({ message }) => got(message.value?.toString()) }).catch(reject)
  })
  await consumer.disconnect()
  requireThat(value === 'v', `consumed ${value}`)
}
