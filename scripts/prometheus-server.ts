/**
 * A Prometheus on this machine, for checks of what Ottla serves: the one on the PATH, or Debian's package, which is
 * downloaded and unpacked into `.cache/prometheus` (once) without being installed. Where neither can be had, the
 * reason is the message of a `PrometheusUnavailable`, fit to be printed for a skipped check.
 *
 * It runs as a child on a temporary directory, as what starts brokers does for those: stopped with this process at
 * the latest.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { freePort, startBrokerProcess } from './broker-process.ts'
import { run } from './run-command.ts'

export interface Prometheus {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  stop(): Promise<void>
}

export interface PrometheusPrograms {
  readonly prometheus: string
  readonly promtool: string
  readonly version: string
}

export class PrometheusUnavailable extends Error {
  override name = 'PrometheusUnavailable'
}

const cache = resolve('.cache', 'prometheus')

export function installPrometheus(): PrometheusPrograms {
  const found = programsIn('') ?? programsIn(join(cache, 'usr', 'bin'))
  if (found !== undefined) return found
  try {
    unpackPackage()
  } catch (error) {
    const reason = (error as Error).message.trim().split('\n').at(-1)
    throw new PrometheusUnavailable(`there is no prometheus on the PATH, nor can Debian's be had: ${reason}`)
  }
  const unpacked = programsIn(join(cache, 'usr', 'bin'))
  if (unpacked === undefined) throw new PrometheusUnavailable("Debian's Prometheus does not run here")
  return unpacked
}

/** Those of a folder, or for '' those of the PATH. */
function programsIn(folder: string): PrometheusPrograms | undefined {
  const programs = { prometheus: join(folder, 'prometheus'), promtool: join(folder, 'promtool') }
  try {
    const version = /version (\S+)/.exec(run(programs.prometheus, ['--version'], '.'))?.[1]
    return version === undefined ? undefined : { ...programs, version }
  } catch {
    return undefined
  }
}

function unpackPackage(): void {
  // Unpacked aside and renamed, so that two runs at once cannot see half of it.
  mkdirSync(dirname(cache), { recursive: true })
  const folder = mkdtempSync(`${cache}.unpacking-`)
  try {
    run('apt-get', ['download', 'prometheus'], folder)
    const name = readdirSync(folder).find(file => file.endsWith('.deb'))
    if (name === undefined) throw new Error('apt-get downloaded no package')
    run('dpkg', ['-x', name, '.'], folder)
    rmSync(join(folder, name))
    if (!existsSync(cache)) renameSync(folder, cache)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Resolves when it is ready to be asked. */
export async function startPrometheus(programs: PrometheusPrograms, configFile: string): Promise<Prometheus> {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'ottla-prometheus-'))
  const removeDirectory = () => rmSync(directory, { recursive: true, force: true })
  try {
    const child = await startBrokerProcess({
      command: programs.prometheus,
      args: [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${directory}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      readyPattern: /Server is ready to receive web requests/,
      startTimeoutMs: 30_000,
      stopTimeoutMs: 10_000,
    })
    return {
      url: `http://127.0.0.1:${port}`,
      async stop() {
        await child.stop()
        removeDirectory()
      },
    }
  } catch (error) {
    removeDirectory()
    throw error
  }
}
