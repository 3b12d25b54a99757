/**
 * The other end of group-under-test.ts: a program that is one member of a consumer group, so that it can be killed,
 * stopped and continued like any user's service. It gets its settings as its only argument, tells over IPC what it
 * was assigned and every record that it handled, and leaves the group when told to.
 */

export interface MemberSettings {
  bootstrap: string
  groupId: string
  topic: string
  /** Makes it a static member. */
  instanceId?: string
  /** The assignor that it names, where it is not the client's own choice. */
  assignor?: string
}

export type MemberEvent =
  | { event: 'joined'; memberId: string; partitions: number[] }
  | { event: 'record'; partition: number; offset: number; value: string }
  | { event: 'log'; line: string }
  | { event: 'failed'; reason: string }

/** The shortest session that a broker accepts unless told otherwise. */
export const sessionTimeoutMs = 6_000

/** Runs the member that `start` gives until it is told to leave, or until whoever started it is gone. */
export async function memberProcess(
  start: (
    settings: MemberSettings,
    tell: (event: MemberEvent) => Promise<void>,
  ) => Promise<() => Promise<void>>,
): Promise<void> {
  const tell = (event: MemberEvent) =>
    new Promise<void>(resolve => {
      if (process.connected) process.send!(event, () => resolve())
      else process.exit(1)
    })
  process.on('disconnect', () => process.exit(1))
  const fail = async (error: unknown) => {
    await tell({
      event: 'failed',
      reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
    process.exit(1)
  }
  process.on('uncaughtException', error => void fail(error))
  try {
    const leave = await start(JSON.parse(process.argv[2]!) as MemberSettings, tell)
    process.on('message', command => {
      if (command === 'leave') leave().then(() => process.exit(0), fail)
    })
  } catch (error) {
    await fail(error)
  }
}
