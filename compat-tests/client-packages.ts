/**
 * Packages that only one suite needs, and that may have to be compiled: each such client has a `package.json`
 * and a lock file of its own in `compat-tests/<client>/`, installed from there with `npm ci` when they are first
 * needed, and again when the lock file or the ABI of Node has changed. What cannot be installed is a reason to
 * skip, with npm's own words.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { Skipped } from './capability.ts'

/** Compiling librdkafka takes minutes. */
const installLimitMs = 600_000

const installations = new Map<string, Promise<NodeJS.Require>>()

/**
 * Installs the client's own packages, once a run, and gives a `require` that finds them. What their scripts are to
 * be told while they install is in `environment`.
 */
export function clientPackages(
  client: string,
  environment: Record<string, string> = {},
): Promise<NodeJS.Require> {
  let installation = installations.get(client)
  if (installation === undefined) {
    installation = installWhereNeeded(client, environment)
    installations.set(client, installation)
  }
  return installation
}

async function installWhereNeeded(
  client: string,
  environment: Record<string, string>,
): Promise<NodeJS.Require> {
  const folder = resolve('compat-tests', client)
  const stamp = join(folder, 'node_modules', '.installed-for')
  const lock = await readFile(join(folder, 'package-lock.json'))
  const wanted = `${createHash('sha256').update(lock).digest('hex')} ${process.platform}-${process.arch} ABI ${process.versions.modules}\n`
  if ((await readFile(stamp, 'utf8').catch(() => '')) !== wanted) {
    await install(folder, environment)
    await writeFile(stamp, wanted)
  }
  return createRequire(join(folder, 'package.json'))
}

function install(folder: string, environment: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(
      'npm',
      ['ci', '--no-audit', '--no-fund'],
      { cwd: folder, timeout: installLimitMs, env: { ...process.env, ...environment } },
      (error, _, stderr) => {
        if (error === null) return resolve()
        const reason = stderr
          .split('\n')
          .find(line => /error/i.test(line) && !/npm error (code|errno)/.test(line))
        reject(new Skipped(`npm could not install the packages of ${folder}: ${reason ?? error.message}`))
      },
    )
  })
}
