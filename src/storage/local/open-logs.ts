/**
 * Opens all logs of a start, several side by side: what has to be read after a crash is read by the thread pool, and the
 * event loop has its turns meanwhile. A start that takes long says how far it is.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { PartitionLog } from './partition-log.ts'
import { inTheBackground, type Steps } from './scan-batches.ts'

/** A log that is to be opened: the work of it, and who takes it or hears why there is none. */
export interface LogToOpen {
  open(): Steps<PartitionLog>
  opened(log: PartitionLog): void
  failed(error: unknown): void
}

interface Environment {
  readonly clock: Clock
  readonly logger: Logger
  /** How many logs are opened at the same time. */
  readonly concurrency: number
}

/** From when on, and how often, a start says how far it is. */
const reportIntervalMs = 1000
/** How long the event loop is kept without a turn. */
const stretchMs = 10

export async function openLogs(
  logs: readonly LogToOpen[],
  { clock, logger, concurrency }: Environment,
): Promise<void> {
  const progress = { logs: logs.length, opened: 0, bytesRead: 0 }
  const startedMs = clock.monotonic()
  let timer: Timer | undefined
  const report = (): void => {
    timer = clock.after(reportIntervalMs, () => {
      const seconds = Math.round((clock.monotonic() - startedMs) / 1000)
      logger.info({ ...progress, seconds }, `opened ${progress.opened} of ${logs.length} logs`)
      report()
    })
  }
  report()

  let next = 0
  let stretchStartedMs = clock.monotonic()
  const worker = async (): Promise<void> => {
    while (next < logs.length) {
      if (clock.monotonic() - stretchStartedMs > stretchMs) {
        await nextTurn()
        stretchStartedMs = clock.monotonic()
        continue
      }
      const log = logs[next++]!
      try {
        log.opened(
          await inTheBackground(log.open(), bytes => {
            progress.bytesRead += bytes
          }),
        )
      } catch (error) {
        log.failed(error)
      }
      progress.opened++
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  timer?.cancel()
  const tookMs = clock.monotonic() - startedMs
  if (tookMs >= reportIntervalMs) {
    logger.info({ ...progress, seconds: Math.round(tookMs / 1000) }, `opened all ${logs.length} logs`)
  }
}
