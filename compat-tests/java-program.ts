/**
 * Programs in Java that a suite brings along: Maven fetches what they are compiled against, javac compiles them, both
 * once, into `.cache`. Without the one or the other there is nothing to test, and a `Skipped` says so.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import {
  ApacheKafkaUnavailable,
  type Artifact,
  installJars,
  javaArguments,
  logBinding,
} from '../scripts/apache-kafka.ts'
import { type BrokerProcess, startBrokerProcess } from '../scripts/broker-process.ts'
import { Skipped, type TestContext } from './capability.ts'

export interface JavaProgramSource {
  /** The folder of its jars in the cache. */
  name: string
  artifacts: Artifact[]
  /** Java files; none where the main class is in a jar. */
  sources?: string[]
  mainClass: string
}

export interface JavaProgram {
  /** Starts it as something to talk to: its three streams are piped. */
  start(args: string[], heap: string): ChildProcess
  /** Starts it as a service, for one test; resolves when a line of what it prints says that it is ready. */
  startService(context: TestContext, args: string[], options: ServiceOptions): Promise<BrokerProcess>
}

export interface ServiceOptions {
  heap: string
  readyPattern: RegExp
}

const compileLimitMs = 120_000
const serviceStartLimitMs = 90_000
const serviceStopLimitMs = 30_000
const programs = new Map<string, Promise<JavaProgram>>()

/** Brings the program here, once a run. */
export function javaProgram(source: JavaProgramSource): Promise<JavaProgram> {
  const key = `${source.name} ${source.mainClass}`
  let program = programs.get(key)
  if (program === undefined) {
    program = prepareProgram(source)
    programs.set(key, program)
  }
  return program
}

async function prepareProgram(source: JavaProgramSource): Promise<JavaProgram> {
  const { name, artifacts, sources = [], mainClass } = source
  const home = await installJars(name, [...artifacts, logBinding]).catch(error => {
    if (error instanceof ApacheKafkaUnavailable) throw new Skipped(error.message)
    throw error
  })
  const classes = sources.length === 0 ? [] : [await compiled(home, name, sources)]
  return {
    start(args, heap) {
      const child = spawn('java', [...javaArguments(home, heap, classes), mainClass, ...args])
      child.stdin.on('error', () => undefined)
      return child
    },
    async startService(context, args, { heap, readyPattern }) {
      const service = await startBrokerProcess({
        command: 'java',
        args: [...javaArguments(home, heap, classes, 'broker'), mainClass, ...args],
        readyPattern,
        startTimeoutMs: serviceStartLimitMs,
        stopTimeoutMs: serviceStopLimitMs,
        signal: context.signal,
        onLine: line => {
          if (/^\[[^\]]*\] (WARN|ERROR|FATAL) /.test(line)) context.note(line)
        },
      })
      context.cleanUp(() => service.kill9())
      return service
    },
  }
}

/** Compiles against the jars of an installation; gives the folder of the classes, named for what was compiled. */
export async function compiled(home: string, name: string, sources: string[]): Promise<string> {
  const hash = createHash('sha256').update(home)
  for (const source of sources) hash.update(source).update(await readFile(source))
  const classes = resolve('.cache', 'java-classes', name, hash.digest('hex').slice(0, 16))
  if (existsSync(classes)) return classes
  await mkdir(dirname(classes), { recursive: true })
  const building = await mkdtemp(`${classes}.building-`)
  try {
    const options = ['-nowarn', '-d', building, '-cp', join(home, 'libs', '*')]
    await promisify(execFile)('javac', [...options, ...sources], { timeout: compileLimitMs }).catch(error => {
      if (error.code === 'ENOENT') throw new Skipped('there is no javac on the PATH')
      throw error
    })
    await rename(building, classes).catch(error => {
      if (!existsSync(classes)) throw error
    })
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return classes
}
