/**
 * Debian packages that a client is made of or built with: installed where this may be done, otherwise a reason to
 * skip that says what is missing.
 */
import { execFile } from 'node:child_process'
import { Skipped } from './capability.ts'

const installLimitMs = 180_000

export async function installDebianPackages(packages: string[]): Promise<void> {
  if (await succeeds('dpkg-query', ['--status', ...packages])) return
  const names = packages.join(' ')
  if (process.getuid?.() !== 0)
    throw new Skipped(`packages are missing (apt-get install ${names}) and we are not root`)
  const install = () =>
    // Another installation may be under way.
    succeeds('apt-get', [
      ...['-o', 'DPkg::Lock::Timeout=120'],
      ...['install', '-y', '--no-install-recommends', ...packages],
    ])
  if (await install()) return
  await succeeds('apt-get', ['update'])
  if (!(await install())) throw new Skipped(`apt-get could not install ${names}`)
}

export function succeeds(command: string, args: string[]): Promise<boolean> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return new Promise(resolve => {
    execFile(command, args, { env, timeout: installLimitMs }, error => resolve(error === null))
  })
}
