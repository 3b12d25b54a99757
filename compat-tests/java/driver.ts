/**
 * The other end of driver/Driver.java: a process with one age of the Java client in it, and clients in there that
 * are opened, used and closed from here. A request is a line of fields in base64; so is an answer, which comes when
 * the client has it, and an event, which nobody asked for.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from '../capability.ts'
import { type Age, driverProgram } from './ages.ts'

export type Field = string | number | Buffer | null

/** What Java threw, by the simple name of its class. */
export class JavaError extends Error {
  override name = 'JavaError'
  readonly type: string

  constructor(type: string, message: string) {
    super(`${type}: ${message}`)
    this.type = type
  }
}

const heap = '256M'

export class Driver {
  readonly #child: ChildProcess
  readonly #waiting = new Map<
    number,
    { resolve(fields: (Buffer | null)[]): void; reject(error: Error): void }
  >()
  readonly #listeners = new Map<string, (kind: string, fields: (Buffer | null)[]) => void>()
  readonly #ended: Promise<unknown>
  #requests = 0
  hasEnded = false
  /** Gets the lines that Java logs. */
  onLog: (line: string) => void = () => undefined

  constructor(child: ChildProcess) {
    this.#child = child
    createInterface({ input: child.stdout! }).on('line', line => this.#receive(line))
    createInterface({ input: child.stderr! }).on('line', line => this.onLog(line))
    this.#ended = once(child, 'close').then(() => {
      this.hasEnded = true
      for (const { reject } of this.#waiting.values())
        reject(new Error('the process of the Java client ended'))
    })
    // It ends with its input, so it does not outlive this process, which it does not keep alive either.
    child.unref()
  }

  async call(command: string, client: string, ...fields: Field[]): Promise<(Buffer | null)[]> {
    const number = ++this.#requests
    const answer = new Promise<(Buffer | null)[]>((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject })
    })
    const line = [number, command, client, ...fields].map(encoded).join(',')
    this.#child.stdin!.write(`${line}\n`)
    return await answer.finally(() => this.#waiting.delete(number))
  }

  /** The same, for answers that are texts. */
  async texts(command: string, client: string, ...fields: Field[]): Promise<(string | null)[]> {
    return (await this.call(command, client, ...fields)).map(field => field && String(field))
  }

  listen(client: string, listener: (kind: string, fields: (Buffer | null)[]) => void): void {
    this.#listeners.set(client, listener)
  }

  async kill9(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  suspend(): void {
    this.#child.kill('SIGSTOP')
  }

  proceed(): void {
    this.#child.kill('SIGCONT')
  }

  #receive(line: string): void {
    const [kind, ...rest] = line.split(',')
    const fields = rest.map(decoded)
    if (kind === 'event') {
      const [client, what, ...about] = fields
      this.#listeners.get(String(client))?.(String(what), about)
      return
    }
    const waiting = this.#waiting.get(Number(fields.shift()))
    if (kind === 'done') waiting?.resolve(fields)
    else waiting?.reject(new JavaError(String(fields[0]), String(fields[1])))
  }
}

function encoded(field: Field): string {
  if (field === null) return '-'
  return (Buffer.isBuffer(field) ? field : Buffer.from(String(field))).toString('base64')
}

function decoded(field: string): Buffer | null {
  return field === '-' ? null : Buffer.from(field, 'base64')
}

/** The one that is kept for the next test; a second JVM beside it would only take memory. */
let kept: { age: Age; driver: Promise<Driver> } | undefined

/** A process with this age in it, the same one for all tests in a row that ask for it. */
export async function driverOf(context: TestContext, age: Age): Promise<Driver> {
  if (kept !== undefined && (kept.age !== age || (await kept.driver).hasEnded)) {
    await (await kept.driver).kill9()
    kept = undefined
  }
  kept ??= { age, driver: startDriver(age) }
  const driver = await kept.driver
  driver.onLog = line => context.note(`Java: ${line}`)
  return driver
}

/** A process of this test's own, to be killed or stopped. */
export async function ownDriver(context: TestContext, age: Age): Promise<Driver> {
  const driver = await startDriver(age)
  context.cleanUp(() => driver.kill9())
  driver.onLog = line => context.note(`Java of its own: ${line}`)
  return driver
}

async function startDriver(age: Age): Promise<Driver> {
  const program = await driverProgram(age)
  return new Driver(program.start([], heap))
}
