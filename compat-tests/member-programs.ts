/**
 * Members of groups under test: child processes whose death is the member's. One is a Node program that tells its events
 * by messages, or a program of another language that tells them as lines of JSON, or in words of its own that somebody
 * translates.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TestContext } from './capability.ts'
import type { MemberEvent, MemberSettings } from './member-process.ts'

/** A process that is a member, however it was started and is talked to. */
export interface MemberProcess {
  pid: number
  /** Says goodbye, and resolves when the process has ended. */
  leave(): Promise<void>
  kill9(): Promise<void>
  /** SIGSTOP and SIGCONT: a process that has stalled, and goes on as if nothing had been. */
  suspend(): void
  proceed(): void
}

export type StartMember = (
  context: TestContext,
  settings: MemberSettings,
  tell: (event: MemberEvent) => void,
) => MemberProcess

/** A module that drives its member with `memberProcess` of member-process.ts. */
export function moduleProgram(program: URL): StartMember {
  return (context, settings, tell) => {
    const child = fork(fileURLToPath(program), [JSON.stringify(settings)], { stdio: 'ignore' })
    child.on('message', (message: MemberEvent) => tell(message))
    return memberOf(context, child, () => void child.send('leave'))
  }
}

/**
 * A command, with arguments made of the settings, that writes each event as a line of JSON and leaves when it reads a
 * line, or when its input ends.
 */
export function commandProgram(
  command: string,
  argumentsFor: (settings: MemberSettings) => string[],
): StartMember {
  return (context, settings, tell) => {
    const child = spawn(command, argumentsFor(settings))
    child.stdin.on('error', () => undefined)
    createInterface({ input: child.stdout }).on('line', line => tell(JSON.parse(line) as MemberEvent))
    createInterface({ input: child.stderr }).on('line', line => tell({ event: 'log', line }))
    return memberOf(context, child, () => void child.stdin.write('leave\n'))
  }
}

/** The child as a member that says goodbye in its own way. */
export function memberOf(context: TestContext, child: ChildProcess, sayGoodbye: () => void): MemberProcess {
  const ended = once(child, 'exit')
  const kill9 = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await ended
  }
  context.cleanUp(kill9)
  return {
    pid: child.pid!,
    async leave() {
      sayGoodbye()
      await ended
    },
    kill9,
    suspend: () => void child.kill('SIGSTOP'),
    proceed: () => void child.kill('SIGCONT'),
  }
}
