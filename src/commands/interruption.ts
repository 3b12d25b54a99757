/**
 * Ending early, in good order. `interruption()` is aborted by the first SIGINT, SIGTERM or SIGHUP, so that a command
 * can finish what it has accepted; the second signal ends the process as if nobody listened.
 */

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export function interruption(): AbortController {
  const controller = new AbortController()
  const abort = () => {
    for (const signal of signals) process.off(signal, abort)
    controller.abort()
  }
  for (const signal of signals) process.on(signal, abort)
  return controller
}

export interface Combined {
  readonly signal: AbortSignal
  /** Takes the listeners off the sources, which may live longer. */
  release(): void
}

/** Aborted with the first of several, or after `timeoutMs`. (AbortSignal.any leaves its listeners to the collector.) */
export function anyOf(sources: readonly (AbortSignal | undefined)[], timeoutMs?: number): Combined {
  const controller = new AbortController()
  const abort = () => controller.abort()
  if (sources.some(source => source?.aborted)) abort()
  for (const source of sources) source?.addEventListener('abort', abort)
  const timer = timeoutMs === undefined ? undefined : setTimeout(abort, Math.max(0, timeoutMs))
  return {
    signal: controller.signal,
    release() {
      clearTimeout(timer)
      for (const source of sources) source?.removeEventListener('abort', abort)
    },
  }
}
