/**
 * What a broker cost while something ran against it, read from outside through /proc: CPU seconds with the
 * kernel's share, resident memory, and the CPU that neither the broker nor this process with its tools used,
 * which tells a noisy run from a quiet one. The resolution of CPU times is a clock tick, 10 ms.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { machineCpuSeconds, ownCpuSeconds, type RunningBroker } from '../broker-process.ts'

export interface Measurement {
  wallSeconds: number
  brokerCpuSeconds: number
  /** CPU seconds of everybody else on the machine, per second: cores that were not ours. */
  foreignCores: number
  residentBytes: number
  peakResidentBytes: number
}

/** Above this many cores used by others a run says little. */
export const noisyCores = 0.25

/** Time for the broker to finish what it does behind an answer, counted as part of the run. */
const settleMs = 300

export async function measure<T>(broker: RunningBroker, run: () => Promise<T>): Promise<[T, Measurement]> {
  resetPeak(broker.pid)
  const startedAt = performance.now()
  const machineBefore = machineCpuSeconds()
  const ownBefore = ownCpuSeconds()
  const brokerBefore = broker.cpuSeconds()
  const result = await run()
  await delay(settleMs)
  const brokerCpuSeconds = broker.cpuSeconds() - brokerBefore
  const own = ownCpuSeconds() - ownBefore
  const machine = machineCpuSeconds() - machineBefore
  const wallSeconds = (performance.now() - startedAt) / 1000
  return [
    result,
    {
      wallSeconds,
      brokerCpuSeconds,
      foreignCores: Math.max(0, machine - own - brokerCpuSeconds) / wallSeconds,
      residentBytes: broker.residentBytes(),
      peakResidentBytes: broker.peakResidentBytes(),
    },
  ]
}

/** Makes the kernel forget the peak so far, so that the peak is this run's; older kernels keep the old one. */
function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // The peak is then the process's, not the run's.
  }
}
