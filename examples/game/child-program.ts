/**
 * Every part of the game is a process of its own, which knows the others only through the broker. This file is what is
 * not part of the game: how `run.ts` starts them, gives them a word (`open`, `stop`), and hears from them what it shows
 * and proves. Node's channel between parent and child carries it; a child whose parent is gone ends itself.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A program as `run.ts` sees it. */
export interface Child {
  name: string
  process: ChildProcess
  say(word: string): void
  /** Resolves with the exit code or the name of the signal that ended it. */
  ended: Promise<number | string>
}

/** `run.ts` as a program sees it. */
export interface Parent<Report> {
  /** Resolves when the report has left this process: what it tells is then known even if the process dies. */
  tell(report: Report): Promise<void>
  /** Resolves when the word has been said, be it long ago. */
  hears(word: string): Promise<void>
  hasHeard(word: string): boolean
}

/** Starts the program in the file of that name beside this one. */
export function startChild<Settings, Report>(
  program: string,
  name: string,
  settings: Settings,
  onReport: (report: Report) => void,
): Child {
  const child = fork(fileURLToPath(new URL(`./${program}.js`, import.meta.url)), [
    JSON.stringify({ name, ...settings }),
  ])
  child.on('message', report => onReport(report as Report))
  const ended = new Promise<number | string>(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('exit', (code, signal) => resolve(code ?? signal!))
  })
  return { name, process: child, ended, say: word => void (child.connected && child.send(word)) }
}

/** Runs a program with the settings that it was started with, and ends the process when it is done. */
export async function playPart<Settings, Report>(
  part: (settings: Settings & { name: string }, parent: Parent<Report>) => Promise<void>,
): Promise<void> {
  const settings = JSON.parse(process.argv[2]!) as Settings & { name: string }
  const heard = new Set<string>()
  const listeners = new Set<() => void>()
  process.on('message', word => {
    heard.add(String(word))
    for (const listener of listeners) listener()
  })
  process.on('disconnect', () => process.exit(1))
  try {
    await part(settings, {
      tell: report => new Promise(resolve => process.send!(report, () => resolve())),
      hasHeard: word => heard.has(word),
      hears: word =>
        new Promise(resolve => {
          const listener = () => {
            if (!heard.has(word)) return
            listeners.delete(listener)
            resolve()
          }
          listeners.add(listener)
          listener()
        }),
    })
    process.exit(0)
  } catch (error) {
    console.error(`${settings.name}: ${error instanceof Error ? error.message : error}`)
    process.exit(1)
  }
}
