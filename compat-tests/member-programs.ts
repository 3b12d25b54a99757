/**
 * Members of groups under test that are programs of another language: a child process whose death is the member's, which
 * tells its events as lines of JSON, or in words of its own that somebody translates.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from './capability.ts'
import type { MemberProcess, StartMember } from './group-under-test.ts'
import type { MemberEvent, MemberSettings } from './member-process.ts'

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
