/**
 * Checks what users install: packs the tarball, installs it in an empty folder, starts `npx ottla` there,
 * produces and consumes with kafkajs, stops it, and loads the package by `import` and by `require`.
 * Prints "N passed, N failed".
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Kafka, logLevel } from 'kafkajs'

const folder = mkdtempSync(join(tmpdir(), 'ottla-package-'))
const run = (command: string, args: string[], cwd = folder): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

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

try {
  // The tree is built already: `prepare` would build it again.
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], resolve('.'))
  const tarball = readdirSync(folder).find(name => name.endsWith('.tgz'))!
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  await check('the tarball installs without scripts of its own or of what it depends on', () => {
    run('npm', ['install', '--silent', '--ignore-scripts', join(folder, tarball)])
  })
  await check('`npx ottla` starts a broker in an empty folder, and kafkajs works with it', useBroker)
  await check('`import` gives startBroker', () => {
    run('node', [
      '--input-type=module',
      '-e',
      "import { startBroker } from 'ottla'; if (!startBroker) throw 1",
    ])
  })
  await check('`require` gives startBroker', () => {
    run('node', ['-e', "if (!require('ottla').startBroker) throw 1"])
  })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

async function useBroker(): Promise<void> {
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
