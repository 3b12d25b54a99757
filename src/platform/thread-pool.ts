/**
 * Node's thread pool, on which file operations run that may stall. Its size can only be set before Node
 * starts (UV_THREADPOOL_SIZE); syncs and cold reads take half of it each at most, so that neither keeps
 * the other waiting.
 */
const defaultThreadCount = 4

export function halfOfThreadPool(): number {
  const threadCount = Number(process.env.UV_THREADPOOL_SIZE) || defaultThreadCount
  return Math.max(1, Math.floor(threadCount / 2))
}

/** Lets a bounded number of tasks run at the same time; the others wait for their turn, in order. */
export class TaskLimit {
  private readonly limit: number
  private runningCount = 0
  private readonly waiting: (() => void)[] = []

  constructor(limit: number) {
    this.limit = limit
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.runningCount >= this.limit) await new Promise<void>(resolve => this.waiting.push(resolve))
    else this.runningCount++
    try {
      return await task()
    } finally {
      // The place is handed on, so nobody who comes meanwhile takes it.
      const next = this.waiting.shift()
      if (next === undefined) this.runningCount--
      else next()
    }
  }
}
