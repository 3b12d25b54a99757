/**
 * What TypeScript makes of the packed tarball: a program that uses all of the export is compiled under every way of
 * finding modules that projects use, without skipping the check of declarations and without the types of Node, so
 * that the declarations stand on their own.
 */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { run } from './run-command.ts'

/** The file's name says, with node16, whether it is an ES module; the compiler's own options say the rest. */
export const compilers: readonly (readonly [file: string, ...options: string[]])[] = [
  ['use.mts', '--module', 'node16'],
  ['use.cts', '--module', 'node16'],
  ['use.mts', '--module', 'nodenext'],
  ['use.ts', '--module', 'esnext', '--moduleResolution', 'bundler'],
  // Without "exports": older projects, and NestJS's up to version 10.
  ['use.ts', '--module', 'commonjs', '--moduleResolution', 'node10', '--ignoreDeprecations', '6.0'],
]

const program = `
import { type EmbeddedBroker, type EmbeddedBrokerOptions, SettingsError, startBroker } from 'ottla'

export async function use(fromFile: Record<string, string>): Promise<string> {
  const options: EmbeddedBrokerOptions = {
    port: 0,
    settings: { 'num.partitions': 3, 'log.retention.ms': '1000', 'advertised.listeners': ['PLAINTEXT://a:1'] },
  }
  await using broker: EmbeddedBroker = await startBroker(options)
  await startBroker({ settings: fromFile }).catch((error: unknown) => {
    if (error instanceof SettingsError) return error.problems.join()
    throw error
  })
  // @ts-expect-error There is no such setting.
  await startBroker({ settings: { 'num.partition': 3 } })
  // @ts-expect-error It is a number.
  await startBroker({ settings: { 'num.partitions': true } })
  return broker.bootstrapServers + broker.port.toFixed()
}
`

const service = `
import { startBroker, type EmbeddedBroker } from 'ottla'

function Injectable(): ClassDecorator {
  return () => undefined
}

@Injectable()
class Events {
  private broker?: EmbeddedBroker
  async onModuleInit(): Promise<void> {
    this.broker = await startBroker()
  }
  async onModuleDestroy(): Promise<void> {
    await this.broker?.stop()
  }
}

const events = new Events()
events.onModuleInit().then(() => events.onModuleDestroy())
`

const typescript = resolve('node_modules/typescript/bin/tsc')
const strictly = ['--strict', '--target', 'es2022', '--skipLibCheck', 'false']

export function compileUnder([file, ...options]: (typeof compilers)[number], folder: string): void {
  writeFileSync(join(folder, file), program)
  run('node', [typescript, '--noEmit', ...strictly, ...options, file], folder)
}

/** A class as NestJS has them, with NestJS's options of the compiler, from source to a run. */
export function runService(folder: string): void {
  writeFileSync(join(folder, 'service.ts'), service)
  const [, ...options] = compilers.at(-1)!
  run('node', [typescript, ...strictly, ...options, '--experimentalDecorators', 'service.ts'], folder)
  run('node', ['service.js'], folder)
}
