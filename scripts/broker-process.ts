/**
 * A broker as a child process, whichever broker it is: started, watched until a line of its output says that
 * it is ready, measured from outside through /proc, stopped politely or killed. Both `apache-kafka.ts` and
 * `ottla-process.ts` build on it, so benchmarks and torture runs treat the two brokers alike.
 *
 * Invariants: a child gets a process group of its own, so that a launcher's children are measured and killed
 * together with it; no group outlives this process, however it ends short of its own SIGKILL.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/** What every broker under test can be asked, however it was started. */
export interface RunningBroker {
  /** `host:port`, as a client's bootstrap list wants it. */
  bootstrap: string
  host: string
  port: number
  pid: number
  /** The directory that it was started on, and the one of its `log.dirs`, which may lie inside. */
  directory: string
  logDirectory: string
  /** `performance.now()` when the process was spawned. */
  spawnedAt: number
  /** Milliseconds from spawn to the line that says that the broker is ready. */
  startMs: number
  /** CPU seconds that the process and its descendants have used since they started. */
  cpuSeconds(): number
  /** Resident memory of the process and its descendants, now and at most. */
  residentBytes(): number
  peakResidentBytes(): number
  /** The last lines that the broker printed, for a message about a failure. */
  logTail(): string
  /** Resolves with a description (`exit code 1`, `signal SIGKILL`) when the process has ended. */
  exited: Promise<string>
  /** Orderly shutdown; killed when it takes longer than the stop time-out. */
  stop(): Promise<void>
  /** SIGKILL to the whole group; the data directory stays as the crash left it. */
  kill9(): Promise<void>
  /** Tells a child that was started with a channel something; resolves when it says that it is done. */
  tell(message: object): Promise<void>
}

/** A child of ours, before anybody knows whether it is ready. */
export interface BrokerProcess
  extends Omit<RunningBroker, 'bootstrap' | 'host' | 'port' | 'directory' | 'logDirectory'> {
  process: ChildProcess
  /** The match of `readyPattern` in the line that said that the broker is ready. */
  readyMatch: RegExpMatchArray
}

export interface BrokerProcessOptions {
  command: string
  args: string[]
  env?: Record<string, string | undefined>
  readyPattern: RegExp
  startTimeoutMs: number
  stopTimeoutMs: number
  /** Kills the child, however far its start got, and makes the start reject. */
  signal?: AbortSignal
  /** Whether it can be told something while it runs (`tell`). */
  hasChannel?: boolean
  /** Called with each finished line of stdout and stderr. */
  onLine?: (line: string) => void
}

const logTailLines = 200
/** USER_HZ: the unit of the times in /proc/PID/stat, 100 on every Linux that Node runs on. */
const clockTicksPerSecond = 100
const groupsAlive = new Set<number>()
let exitHooksInstalled = false

/** Starts a child and resolves when it is ready; rejects, with the tail of its output, when it never is. */
export async function startBrokerProcess(options: BrokerProcessOptions): Promise<BrokerProcess> {
  installExitHooks()
  const spawnedAt = performance.now()
  const child = spawn(options.command, options.args, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', ...(options.hasChannel === true ? (['ipc'] as const) : [])],
    detached: true,
  })
  const lines: string[] = []
  const exited = new Promise<string>(resolve => {
    child.once('error', error => resolve(`could not start: ${error.message}`))
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`))
  })
  const pid = child.pid
  if (pid === undefined) throw new Error(`${options.command} ${await exited}`)
  groupsAlive.add(pid)
  void exited.then(() => {
    // Whatever the leader left behind in its group goes with it.
    signalGroup(pid, 'SIGKILL')
    groupsAlive.delete(pid)
  })

  const logTail = () => lines.join('\n')
  const kill9 = async () => {
    signalGroup(pid, 'SIGKILL')
    await exited
  }
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), options.stopTimeoutMs)
    await exited
    clearTimeout(timer)
  }

  const readyMatch = await new Promise<RegExpMatchArray>((resolve, reject) => {
    const timer = setTimeout(
      () => fail(`was not ready within ${options.startTimeoutMs} ms`),
      options.startTimeoutMs,
    )
    const fail = (reason: string) => {
      clearTimeout(timer)
      reject(new Error(`${options.command} ${reason}; its last output:\n${logTail()}`))
    }
    const onLine = (line: string) => {
      lines.push(line)
      if (lines.length > logTailLines) lines.shift()
      options.onLine?.(line)
      const match = line.match(options.readyPattern)
      if (match === null) return
      clearTimeout(timer)
      resolve(match)
    }
    eachLine(child.stdout!, onLine)
    eachLine(child.stderr!, onLine)
    options.signal?.addEventListener('abort', () => fail('was killed while it started'), { once: true })
    void exited.then(how => fail(`ended before it was ready (${how})`))
  }).catch(async error => {
    await kill9()
    throw error
  })

  return {
    process: child,
    pid,
    spawnedAt,
    startMs: performance.now() - spawnedAt,
    readyMatch,
    exited,
    logTail,
    stop,
    kill9,
    tell: async message => {
      const done = new Promise(resolve => child.once('message', resolve))
      child.send(message)
      await Promise.race([done, exited])
    },
    cpuSeconds: () => sumOverTree(pid, cpuSecondsOf),
    residentBytes: () => sumOverTree(pid, id => statusBytes(id, 'VmRSS')),
    peakResidentBytes: () => sumOverTree(pid, id => statusBytes(id, 'VmHWM')),
  }
}

/** A port of the loopback interface that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  return await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/**
 * CPU seconds that the machine's processes have used since it booted: with one's own taken away, what tells a
 * noisy run. Soft interrupts are left out (loopback traffic costs them and no process is charged), time stolen
 * by other guests of the host is in, because it is noise just the same.
 */
export function machineCpuSeconds(): number {
  // cpu  user nice system idle iowait irq softirq steal guest guest_nice
  const fields = readFileSync('/proc/stat', 'latin1')
    .split('\n', 1)[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const [user = 0, nice = 0, system = 0, , , irq = 0, , steal = 0] = fields
  return (user + nice + system + irq + steal) / clockTicksPerSecond
}

/** CPU seconds of this process and of the children that it has waited for. */
export function ownCpuSeconds(): number {
  const [user, system, childrenUser, childrenSystem] = statTimes(process.pid)
  return user + system + childrenUser + childrenSystem
}

function cpuSecondsOf(pid: number): number {
  const [user, system] = statTimes(pid)
  return user + system
}

/** utime, stime, cutime and cstime in seconds. */
function statTimes(pid: number): [number, number, number, number] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The command's name stands in parentheses and may contain anything; the state is the field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const seconds = (index: number) => Number(fields[index]) / clockTicksPerSecond
  return [seconds(11), seconds(12), seconds(13), seconds(14)]
}

function statusBytes(pid: number, key: string): number {
  const match = readFileSync(`/proc/${pid}/status`, 'latin1').match(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm'))
  return match === null ? 0 : Number(match[1]) * 1024
}

function sumOverTree(pid: number, measure: (pid: number) => number): number {
  try {
    let sum = measure(pid)
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
    for (const child of children === '' ? [] : children.split(' ')) sum += sumOverTree(Number(child), measure)
    return sum
  } catch {
    // The process ended between two looks at it.
    return 0
  }
}

function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) onLine(line)
  })
  stream.on('end', () => {
    if (rest !== '') onLine(rest)
  })
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // The group is gone already.
  }
}

function installExitHooks(): void {
  if (exitHooksInstalled) return
  exitHooksInstalled = true
  process.once('exit', () => {
    for (const pid of groupsAlive) signalGroup(pid, 'SIGKILL')
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
}
