/**
 * Loaded into a broker (`node --import`) to learn from inside for how long its event loop is held at a time. At the
 * first SIGUSR2 it begins to watch: it comes up in every turn of the loop and remembers the longest. At the next it
 * prints that as `longest turn: 1.234 ms` and goes to sleep again. While it watches, the loop never rests, so nothing
 * else should be measured meanwhile.
 *
 * A turn takes the time of the clock or the processor time of the process, whichever is less: on a busy machine the
 * first also counts how long others had the processor, the second what other threads did.
 */
let isWatching = false
let lastMs = 0
let lastCpuMs = 0
let longestMs = 0

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function look(): void {
  const nowMs = performance.now()
  const nowCpuMs = cpuMs()
  longestMs = Math.max(longestMs, Math.min(nowMs - lastMs, nowCpuMs - lastCpuMs))
  lastMs = nowMs
  lastCpuMs = nowCpuMs
  if (isWatching) setImmediate(look)
}

process.on('SIGUSR2', () => {
  if (isWatching) {
    look()
    isWatching = false
    process.stdout.write(`longest turn: ${longestMs.toFixed(3)} ms\n`)
    return
  }
  isWatching = true
  longestMs = 0
  lastMs = performance.now()
  lastCpuMs = cpuMs()
  setImmediate(look)
})
