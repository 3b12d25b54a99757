/**
 * How drivers in other languages come to be here: a virtual environment with the packages that a client's
 * `requirements.txt` names (versions and hashes), or a program that Go has built from a client's module (`go.mod`,
 * `go.sum`). Both lie in `.cache/driven-clients/<client>` and are made anew when what they are made from has
 * changed. What cannot be made is a reason to skip, with the tool's own words.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Skipped } from '../capability.ts'
import type { DriverProgram } from './driver.ts'

/** Of one step; compiling a library in C takes minutes. */
const installLimitMs = 600_000
/** Of pip, whatever it does. */
export const quietly = ['--quiet', '--disable-pip-version-check']

/** The client's `driver.py`, run by an interpreter that has the client. */
export async function pythonDriver(client: string): Promise<DriverProgram> {
  const folder = resolve('compat-tests', client)
  const home = resolve('.cache', 'driven-clients', client)
  const python = await pythonWith(home, [join(folder, 'requirements.txt')])
  return { command: python, args: ['-u', '-B', join(folder, 'driver.py')] }
}

/** An interpreter of its own in `home`, with what these files of requirements name; `make` is called when it is new. */
export async function pythonWith(
  home: string,
  requirements: string[],
  make: (python: string) => Promise<void> = async () => undefined,
): Promise<string> {
  const python = join(home, 'bin', 'python')
  const version = await run('python3', ['--version'])
  await madeFrom(home, requirements, version, async () => {
    await run('python3', ['-m', 'venv', '--clear', home])
    const install = ['install', ...quietly, '--only-binary', ':all:', '--require-hashes']
    await run(python, ['-m', 'pip', ...install, ...requirements.flatMap(file => ['-r', file])])
    await make(python)
  })
  return python
}

/** The client's `driver` program, built with the modules that it names. */
export async function goDriver(client: string): Promise<DriverProgram> {
  const folder = resolve('compat-tests', client)
  const shared = resolve('compat-tests', 'driven-clients', 'go')
  const home = resolve('.cache', 'driven-clients', client)
  const program = join(home, 'driver')
  const version = await run('go', ['version'])
  const sources = [...(await filesOf(folder, /\.(go|mod|sum)$/)), ...(await filesOf(shared, /\.(go|mod)$/))]
  await madeFrom(home, sources, version, async () => {
    await run('go', ['build', '-mod=readonly', '-o', program, '.'], folder)
  })
  return { command: program, args: [] }
}

/** Calls `make` unless what is in `home` was made from these very files, by that version of the tool, in that way. */
export async function madeFrom(
  home: string,
  sources: string[],
  toolVersion: string,
  make: () => Promise<void>,
): Promise<void> {
  const hash = createHash('sha256').update(toolVersion)
  for (const source of sources) hash.update(await readFile(source))
  const wanted = hash.digest('hex')
  const stamp = join(home, '.made-from')
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return
  await rm(stamp, { force: true })
  await mkdir(home, { recursive: true })
  await make()
  await writeFile(stamp, wanted)
}

async function filesOf(folder: string, pattern: RegExp): Promise<string[]> {
  const names = (await readdir(folder)).filter(name => pattern.test(name)).sort()
  return names.map(name => join(folder, name))
}

/** Its output; a failure is a reason to skip. */
export function run(command: string, args: string[], folder?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd: folder, timeout: installLimitMs }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      if ('code' in error && error.code === 'ENOENT')
        return reject(new Skipped(`there is no ${command} here`))
      const reason = stderr.trim().split('\n').at(-1)
      reject(new Skipped(`${command} ${args.slice(0, 3).join(' ')} failed: ${reason || error.message}`))
    })
  })
}
