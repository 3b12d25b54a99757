/**
 * Checks what users install: packs the tarball, installs it in empty folders and uses it there as they do. The
 * command is started by `npx ottla`; the library is loaded by `import`, by `require` and by TypeScript; each project
 * of examples/embedding (node:test, Jest, Vitest) gets it beside its test framework and passes. Prints
 * "N passed, N failed".
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Kafka, logLevel } from 'kafkajs'
import { compilers, compileUnder, runService } from './package-types.ts'
import { run } from './run-command.ts'

const examples = 'examples/embedding'
const installing = ['install', '--silent', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund']

let passed = 0
let failed = 0
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

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

const temporary = mkdtempSync(join(tmpdir(), 'ottla-package-'))
try {
  // The tree is built already: `prepare` would build it again.
  const packing = ['pack', '--silent', '--ignore-scripts', '--json', '--pack-destination', temporary]
  const [packed] = JSON.parse(run('npm', packing, resolve('.'))) as Packed[]
  const tarball = join(temporary, packed!.filename)
  await check('the tarball holds what runs, and nothing that only its makers need', () => {
    const needless =
      /\.(test|contract|fuzz|bench)\.|\.map$|\.tsbuildinfo$|\/(testing|vectors)\/|^(src|scripts)\//
    const found = packed!.files.map(({ path }) => path).filter(path => needless.test(path))
    if (found.length > 0) throw new Error(`it holds ${found.join(', ')}`)
  })

  const empty = join(temporary, 'empty')
  mkdirSync(empty)
  writeFileSync(join(empty, 'package.json'), '{ "private": true }\n')
  await check('it installs without scripts of its own or of what it depends on', () => {
    run('npm', [...installing, tarball], empty)
  })
  await check('`npx ottla` starts a broker in an empty folder, and kafkajs works with it', () =>
    useCommand(empty),
  )
  await check('`import` and `require` give the same functions', () => {
    const program = `
      import { createRequire } from 'node:module'
      import { SettingsError, startBroker } from 'ottla'
      const required = createRequire(import.meta.url)('ottla')
      if (required.startBroker !== startBroker || required.SettingsError !== SettingsError) throw 'two copies'
      const broker = await startBroker()
      await broker.stop()`
    run('node', ['--input-type=module', '-e', program], empty)
  })
  for (const compiler of compilers) {
    await check(`TypeScript finds the types with ${compiler.join(' ')}`, () => compileUnder(compiler, empty))
  }
  await check('a class with decorators in CommonJS, as NestJS has them, starts a broker', () =>
    runService(empty),
  )

  for (const example of readdirSync(examples)) {
    const project = join(temporary, example)
    cpSync(join(examples, example), project, { recursive: true })
    await check(`${examples}/${example} passes with it`, () => {
      run('npm', [...installing, tarball], project)
      run('npm', ['test'], project)
    })
    if (example !== 'jest') continue
    await check('Jest finds nothing that was left open', () => {
      const output = run('npx', ['jest', '--detectOpenHandles'], project)
      if (/open handle|did not exit/i.test(output)) throw new Error(output)
    })
  }
} finally {
  rmSync(temporary, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

async function useCommand(folder: string): Promise<void> {
  const broker = spawn('npx', ['ottla', '--override', 'listeners=PLAINTEXT://127.0.0.1:0'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  try {
    const address = await new Promise<string>((found, reject) => {
      broker.once('exit', code => reject(new Error(`ottla ended with code ${code}`)))
      createInterface({ input: broker.stdout }).on('line', line => {
        const match = / listening on (\S+?)[;,]/.exec(line)
        if (match !== null) found(match[1]!)
      })
    })
    const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING })
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic: 'packed', messages: [{ key: 'k', value: 'v' }] })
    await producer.disconnect()
    const consumer = kafka.consumer({ groupId: 'packed' })
    await consumer.connect()
    await consumer.subscribe({ topic: 'packed', fromBeginning: true })
    const value = await new Promise<string | undefined>((got, reject) => {
      consumer.run({ eachMessage: async ({ message }) => got(message.value?.toString()) }).catch(reject)
    })
    await consumer.disconnect()
    if (value !== 'v') throw new Error(`consumed ${value}`)
  } finally {
    broker.removeAllListeners('exit')
    // npx stands between us and the broker: the signal goes to the whole group.
    if (broker.exitCode === null) {
      const ended = new Promise(end => broker.once('exit', end))
      process.kill(-broker.pid!, 'SIGTERM')
      await ended
    }
  }
}
