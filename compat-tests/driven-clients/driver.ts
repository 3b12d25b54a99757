/**
 * A driver is a small program in the language of the client under test. It reads commands from its standard input
 * and writes answers and events to its standard output, each a line of JSON; this file starts it and speaks that
 * protocol, so that what is expected of a client is said once, in TypeScript, for clients of every language.
 *
 *     -> {"id": 1, "command": "openProducer", "acks": "all", "compression": "none", "idempotent": false}
 *     <- {"id": 1, "result": null}
 *     <- {"id": 1, "error": {"code": 36, "message": "..."}}      code: Kafka's, null where the client tells none
 *     <- {"event": "record", "topic": "t", "partition": 0, "offset": 7, "timestamp": 1700000000000,
 *         "key": null, "value": "dmFsdWU=", "headers": [["name", "AA=="]]}                bytes are base64
 *     <- {"event": "assigned", "memberId": "m-1", "partitions": [0, 2]}        all that the member owns from now on
 *     <- {"event": "revoked", "partitions": [2]}                            those that it has been asked to give up
 *     <- {"event": "note" | "failed", "line": "..."}
 *
 * A driver holds at most one producer, one consumer and one administrator, and takes one command after the other.
 * Records that it hands over are on its standard output before it commits them. At the end of its input it ends at
 * once, without a goodbye: so none outlives the run.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from '../capability.ts'
import { type Collector, collector } from '../wait-for.ts'

/** How a client's driver is started. */
export interface DriverProgram {
  command: string
  args: string[]
}

export const everyAcks = ['none', 'leader', 'all'] as const
export type Acks = (typeof everyAcks)[number]
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

export interface RecordToProduce {
  key?: Buffer | null
  value?: Buffer | null
  headers?: [string, Buffer | null][]
  /** Where the client's own partitioner shall not choose. */
  partition?: number
  timestamp?: number
}

export interface ConsumedRecord {
  topic: string
  partition: number
  offset: number
  timestamp: number
  key: Buffer | null
  value: Buffer | null
  headers: [string, Buffer | null][]
}

export interface ConsumerOptions {
  topic: string
  /** A member of this group; otherwise a reader of the partitions, from `start`. */
  group?: string
  partitions?: number[]
  start: 'earliest' | 'latest' | number
  /** When a member commits: after every batch that it has handed over, or when told to. */
  commit?: 'each' | 'when-told'
  assignor?: string
  instanceId?: string
  sessionTimeoutMs?: number
}

export interface TopicToCreate {
  name: string
  partitions: number
  replicationFactor?: number
  configs?: Record<string, string>
}

export interface DescribedGroup {
  state: string
  members: { memberId: string; clientId: string; instanceId: string | null; partitions: number[] }[]
}

export interface DescribedConfig {
  value: string | null
  isDefault: boolean
}

/** Every command with what it takes and gives. */
export interface Commands {
  openProducer: [{ acks: Acks; compression: Compression; idempotent: boolean }, null]
  /** Where each record was stored; an offset of null where nobody told. */
  produce: [{ topic: string; records: RecordToProduce[] }, { partition: number; offset: number | null }[]]
  closeProducer: [object, null]
  openConsumer: [ConsumerOptions, null]
  commit: [{ offsets: [number, number][] }, null]
  committed: [{ partitions: number[] }, (number | null)[]]
  seek: [{ partition: number; offset: number }, null]
  /** Moves every partition to its first record at or after the time; gives the offsets. */
  seekToTime: [{ timestamp: number }, number[]]
  pause: [{ partitions: number[] }, null]
  resume: [{ partitions: number[] }, null]
  closeConsumer: [object, null]
  /** -1 where no record is as late as the timestamp. */
  listOffset: [{ topic: string; partition: number; at: 'earliest' | 'latest' | number }, number]
  /** Kafka's error code for each topic. */
  createTopics: [{ topics: TopicToCreate[]; validateOnly: boolean }, Record<string, number>]
  deleteTopics: [{ names: string[] }, Record<string, number>]
  createPartitions: [{ topic: string; count: number }, null]
  listTopics: [object, string[]]
  describeTopic: [
    { topic: string },
    { partition: number; leader: number; replicas: number[]; isr: number[] }[],
  ]
  describeCluster: [object, { brokers: { id: number; host: string; port: number }[]; controller: number }]
  describeConfigs: [{ type: 'topic' | 'broker'; name: string }, Record<string, DescribedConfig>]
  /** Changes these alone. */
  alterConfigs: [{ topic: string; set: Record<string, string>; reset: string[] }, null]
  listGroups: [object, string[]]
  describeGroup: [{ group: string; topic: string }, DescribedGroup]
  deleteGroup: [{ group: string }, null]
  /** The partitions that have a committed offset. */
  groupOffsets: [{ group: string; topic: string }, [number, number][]]
  alterGroupOffsets: [{ group: string; topic: string; offsets: [number, number][] }, null]
  deleteGroupOffsets: [{ group: string; topic: string; partitions: number[] }, null]
  /** Gives where the log starts then. */
  deleteRecords: [{ topic: string; partition: number; offset: number }, number]
}

/** A command that the client refused or failed, with Kafka's error code where the client tells it. */
export class DriverError extends Error {
  override name = 'DriverError'
  readonly code: number | null

  constructor(command: string, code: number | null, message: string) {
    super(`${command}: ${message} (code ${code})`)
    this.code = code
  }
}

export interface Assignment {
  memberId: string
  partitions: number[]
}

export interface Driver {
  pid: number
  records: Collector<ConsumedRecord>
  assignments: Collector<Assignment>
  revocations: Collector<number[]>
  failures: Collector<string>
  call<Name extends keyof Commands>(command: Name, parameters: Commands[Name][0]): Promise<Commands[Name][1]>
  /** Ends the process; what was not closed is left as a crash would leave it. */
  kill9(): Promise<void>
  suspend(): void
  proceed(): void
}

type Answer = { id: number; result?: unknown; error?: { code: number | null; message: string } }
type Event =
  | ({ event: 'assigned' } & Assignment)
  | { event: 'revoked'; partitions: number[] }
  | { event: 'note' | 'failed'; line: string }
  | ({ event: 'record'; key: string | null; value: string | null; headers: [string, string | null][] } & Omit<
      ConsumedRecord,
      'key' | 'value' | 'headers'
    >)

const bytes = (text: string | null) => (text === null ? null : Buffer.from(text, 'base64'))

export function startDriver(context: TestContext, program: DriverProgram): Driver {
  const child = spawn(program.command, [...program.args, context.bootstrap], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const pid = child.pid ?? 0
  const records = collector<ConsumedRecord>()
  const assignments = collector<Assignment>()
  const revocations = collector<number[]>()
  const failures = collector<string>()
  const waiting = new Map<number, { command: string; settle: (answer: Answer) => void }>()
  let commandsSent = 0

  const onEvent = (event: Event) => {
    if (event.event === 'record') {
      const { key, value, headers, topic, partition, offset, timestamp } = event
      records.add({
        topic,
        partition,
        offset,
        timestamp,
        key: bytes(key),
        value: bytes(value),
        headers: headers.map(([name, content]) => [name, bytes(content)]),
      })
    } else if (event.event === 'assigned') {
      context.note(`driver ${pid} owns ${event.partitions.join(' ')} as ${event.memberId}`)
      assignments.add({ memberId: event.memberId, partitions: event.partitions })
    } else if (event.event === 'revoked') revocations.add(event.partitions)
    else {
      context.note(`driver ${pid}: ${event.line}`)
      if (event.event === 'failed') failures.add(event.line)
    }
  }
  createInterface({ input: child.stdout }).on('line', line => {
    const message = JSON.parse(line) as Answer | Event
    if ('event' in message) return onEvent(message)
    waiting.get(message.id)?.settle(message)
    waiting.delete(message.id)
  })
  createInterface({ input: child.stderr }).on('line', line => context.note(`driver ${pid}: ${line}`))
  child.stdin.on('error', () => undefined)

  let hasEnded = false
  const ended = new Promise<void>(resolve => {
    const end = (how: string) => {
      hasEnded = true
      for (const [id, { settle }] of waiting)
        settle({ id, error: { code: null, message: `the driver ended: ${how}` } })
      waiting.clear()
      resolve()
    }
    child.once('error', error => end(error.message))
    void once(child, 'close').then(
      ([code, signal]) => end(`${signal ?? `exit code ${code}`}`),
      () => undefined,
    )
  })
  const kill9 = async () => {
    if (!hasEnded) child.kill('SIGKILL')
    await ended
  }
  context.cleanUp(kill9)

  return {
    pid,
    records,
    assignments,
    revocations,
    failures,
    call(command, parameters) {
      const id = ++commandsSent
      return new Promise((resolve, reject) => {
        const settle = ({ result, error }: Answer) => {
          if (error === undefined) resolve(result as never)
          else reject(new DriverError(command, error.code, error.message))
        }
        if (hasEnded) return settle({ id, error: { code: null, message: 'the driver has ended' } })
        waiting.set(id, { command, settle })
        child.stdin.write(`${JSON.stringify({ id, command, ...parameters }, asBase64)}\n`)
      })
    },
    kill9,
    suspend: () => void child.kill('SIGSTOP'),
    proceed: () => void child.kill('SIGCONT'),
  }
}

/** A Buffer has made itself `{ type, data }` before a replacer sees it. */
function asBase64(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const original = this[key]
  return Buffer.isBuffer(original) ? original.toString('base64') : value
}
