/**
 * What is done for all logs at every checkpoint, before their recovery points are written: so that a start after a crash
 * reads only what came since. In stretches, because with thousands of logs that moved on it takes a while.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { GroupCommit } from './group-commit.ts'
import type { PartitionLog } from './partition-log.ts'

const stretchMs = 10

interface Environment {
  readonly commit: GroupCommit
  readonly clock: Clock
  readonly logger: Logger
  /** Whether to stop, because the broker does. */
  readonly isOver: () => boolean
}

/** Calls `done` when all logs had their turn: in this one, if it does not take long. */
export async function checkpointLogs(
  logs: readonly PartitionLog[],
  { commit, clock, logger, isOver }: Environment,
  done: () => void,
): Promise<void> {
  let startedMs = clock.monotonic()
  for (const log of logs) {
    if (clock.monotonic() - startedMs > stretchMs) {
      await nextTurn()
      startedMs = clock.monotonic()
    }
    if (isOver()) return
    if (log.isOffline || log.isDeleted) continue
    try {
      // Where acks do not wait for the disk nobody else asks for a sync until a segment is full.
      if (log.checkpoint()) commit.settle(log)
    } catch (error) {
      logger.error(
        { err: error, directory: log.directory },
        'index entries could not be written; they are tried again',
      )
    }
  }
  done()
}
