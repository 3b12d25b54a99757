/**
 * Where the old clients come from: sarama is built by Go from the module in `sarama/`, the Java clients are fetched by
 * Maven and `OldClient.java` compiled against them, kafka-node is in this folder's package.json. Programs lie in
 * `.cache/old-clients`, named for what they were made from. What cannot be made is a reason to skip.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Skipped } from '../capability.ts'
import { clientPackages } from '../client-packages.ts'

type Command = readonly [command: string, ...args: string[]]

const sources = resolve('compat-tests', 'old-clients')
const programs = resolve('.cache', 'old-clients')
const toolLimitMs = 300_000

export const sarama = once(async (): Promise<Command> => {
  const folder = join(sources, 'sarama')
  const files = ['go.mod', 'go.sum', 'main.go'].map(name => join(folder, name))
  const home = await madeFrom('sarama', files, async home => {
    await run('go', ['build', '-mod=readonly', '-o', join(home, 'sarama'), '.'], folder)
  })
  return [join(home, 'sarama')]
})

/** The Java client of a version, started with the memory that it needs. */
export function javaClient(version: string): () => Promise<Command> {
  return once(async () => {
    const source = join(sources, 'OldClient.java')
    const home = await madeFrom(`java-${version}`, [source], async home => {
      const project = join(home, 'pom.xml')
      await writeFile(project, projectFor(version))
      const libs = join(home, 'libs')
      const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${libs}`]
      await run('mvn', ['-B', '-q', '-f', project, ...goal])
      await run('javac', ['-nowarn', '-d', join(home, 'classes'), '-cp', join(libs, '*'), source])
    })
    const classPath = [join(home, 'classes'), join(home, 'libs', '*')].join(delimiter)
    return ['java', '-Xmx128M', '-cp', classPath, 'OldClient']
  })
}

export const kafkaNode = once(async (): Promise<Command> => {
  await clientPackages('old-clients')
  return [process.execPath, fileURLToPath(new URL('kafka-node.js', import.meta.url))]
})

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

/** A folder that `make` has filled from these very files; built aside, so that two runs cannot see half of it. */
async function madeFrom(
  name: string,
  files: string[],
  make: (home: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files) hash.update(await readFile(file))
  const home = join(programs, `${name}-${hash.digest('hex').slice(0, 16)}`)
  if (existsSync(home)) return home
  await mkdir(programs, { recursive: true })
  const building = await mkdtemp(`${home}.building-`)
  try {
    await make(building)
    await rename(building, home).catch(error => {
      if (!existsSync(home)) throw error
    })
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return home
}

function run(command: string, args: string[], folder?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd: folder, timeout: toolLimitMs }, (error, stdout, stderr) => {
      if (error === null) return resolve()
      if (error.code === 'ENOENT') return reject(new Skipped(`there is no ${command} on the PATH`))
      const reason = `${stdout}${stderr}`.trim().split('\n').at(-1)
      reject(new Skipped(`${command} ${args.slice(0, 2).join(' ')} failed: ${reason || error.message}`))
    })
  })
}

function projectFor(version: string): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ottla</groupId>
  <artifactId>old-client</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-clients</artifactId><version>${version}</version>
    </dependency>
  </dependencies>
</project>
`
}
