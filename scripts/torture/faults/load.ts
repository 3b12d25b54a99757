/**
 * The clients of a fault: producers, idempotent and not, that send to one partition at a time and count what they
 * are refused with; a consumer group that commits; and kcat, which reads every partition by itself, so that one that
 * is offline keeps it from no other. Unlike those of `workload.ts` they give up soon and say by name what they got.
 *
 * Nobody sends a batch twice that is not idempotent, and who was refused for good is replaced, so every record is in
 * the log once at most.
 */
import { spawn, spawnSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import type { SeededRandom } from '../../seeded-random.ts'
import { takeLines } from '../read-back.ts'
import type { RecordLedger } from '../record-ledger.ts'
import { sessionTimeoutMs } from '../workload.ts'

export const topic = 'faults'
export const groupId = 'faults-group'
export const partitions = 4

export interface Load {
  /** What producers, and members of the group when they committed, were refused with, by name. */
  readonly refused: Counts
  readonly refusedCommits: Counts
  /** Acknowledged records of each partition. */
  readonly acknowledged: readonly number[]
  readonly commits: number
  stop(): Promise<void>
}

export type Counts = Map<string, number>

export interface LoadOptions {
  readonly bootstrap: string
  readonly ledger: RecordLedger
  readonly random: SeededRandom
  /** Records per batch at most; 40 if not given. */
  readonly batchRecords?: number
}

const producerKinds = [{ isIdempotent: true }, { isIdempotent: false }, { isIdempotent: true }]
const members = 2
/** Between two batches of a producer: this is no benchmark. */
const pauseMs = 4
const refusedPauseMs = 50

/** A line that was cut off, because kcat was, does not match. */
const recordFormat = '%p %o %s ;\n'
const recordLine = /^(\d+) (\d+) (.*) ;$/

export const hasKcat = spawnSync('kcat', ['-V']).error === undefined

/** A client that gives up soon. */
export function hastyClient(bootstrap: string, clientId: string): kafkajs.Kafka {
  return new kafkajs.Kafka({
    clientId,
    brokers: [bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: 1000,
    requestTimeout: 5000,
    retry: { initialRetryTime: 30, maxRetryTime: 100, retries: 1 },
  })
}

export function startLoad(options: LoadOptions): Load {
  const state = {
    isRunning: true,
    refused: new Map<string, number>(),
    refusedCommits: new Map<string, number>(),
    acknowledged: new Array<number>(partitions).fill(0),
    commits: 0,
  }
  const clients = [
    ...producerKinds.map(({ isIdempotent }, index) =>
      runProducer(options, state, `p${index}`, isIdempotent, options.random.fork()),
    ),
    ...Array.from({ length: members }, (_, index) => runMember(options, state, `member-${index}`)),
    runKcat(options, state),
  ]
  return {
    refused: state.refused,
    refusedCommits: state.refusedCommits,
    acknowledged: state.acknowledged,
    get commits() {
      return state.commits
    },
    async stop() {
      state.isRunning = false
      await Promise.all(clients)
    },
  }
}

interface LoadState {
  isRunning: boolean
  readonly refused: Counts
  readonly refusedCommits: Counts
  readonly acknowledged: number[]
  commits: number
}

async function runProducer(
  { bootstrap, ledger, batchRecords = 40 }: LoadOptions,
  state: LoadState,
  prefix: string,
  isIdempotent: boolean,
  random: SeededRandom,
): Promise<void> {
  for (let incarnation = 0; state.isRunning; incarnation++) {
    const name = `${prefix}.${incarnation}`
    const producer = hastyClient(bootstrap, name).producer({
      idempotent: isIdempotent,
      maxInFlightRequests: 1,
      retry: { initialRetryTime: 30, maxRetryTime: 60, retries: isIdempotent ? 1 : 0 },
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    })
    try {
      await producer.connect()
      while (state.isRunning) {
        const partition = random.between(0, partitions - 1)
        const records = Array.from({ length: random.between(1, batchRecords) }, () =>
          ledger.send(name, partition),
        )
        const messages = records.map(({ value }) => ({ partition, value }))
        const [answer] = await producer.send({ topic, acks: -1, messages })
        const first = records[0]!.sequence
        ledger.acknowledge(name, partition, first, records.length, Number(answer!.baseOffset))
        state.acknowledged[partition]! += records.length
        await delay(pauseMs)
      }
    } catch (error) {
      count(state.refused, error)
      await delay(refusedPauseMs)
    }
    await producer.disconnect().catch(() => undefined)
  }
}

/** A member of the group, started anew whenever kafkajs gives it up. */
async function runMember({ bootstrap, ledger }: LoadOptions, state: LoadState, name: string): Promise<void> {
  while (state.isRunning) {
    const consumer = hastyClient(bootstrap, name).consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: sessionTimeoutMs / 6,
      rebalanceTimeout: 6000,
      maxWaitTimeInMs: 100,
    })
    try {
      const { COMMIT_OFFSETS } = consumer.events
      // One that is being stopped resolves `commitOffsets` without sending it; the event comes with the broker's answer.
      consumer.on(COMMIT_OFFSETS, ({ payload }) => {
        for (const { partition, offset } of payload.topics.flatMap(({ partitions }) => partitions)) {
          ledger.committed(partition, Number(offset))
          state.commits++
        }
      })
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      const crashed = new Promise<void>(resolve => {
        consumer.on(consumer.events.CRASH, ({ payload }) => {
          if (payload.restart) return
          count(state.refusedCommits, payload.error)
          resolve()
        })
      })
      await consumer.run({
        autoCommit: false,
        partitionsConsumedConcurrently: 1,
        eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale }) => {
          if (!isRunning() || isStale()) return
          for (const { offset, value } of batch.messages) {
            const text = value?.toString() ?? ''
            ledger.deliver({ partition: batch.partition, offset: Number(offset), value: text })
            resolveOffset(offset)
          }
          const next = Number(batch.lastOffset()) + 1
          try {
            await consumer.commitOffsets([{ topic, partition: batch.partition, offset: String(next) }])
          } catch (error) {
            count(state.refusedCommits, error)
          }
          await heartbeat()
        },
      })
      while (state.isRunning && (await Promise.race([crashed.then(() => false), delay(100, true)])));
    } catch (error) {
      // What keeps a member from joining keeps it from committing.
      count(state.refusedCommits, error)
      await delay(refusedPauseMs)
    }
    await consumer.disconnect().catch(() => undefined)
  }
}

/** Reads every partition from its beginning, and again from there whenever it has lost the broker. */
async function runKcat({ bootstrap, ledger }: LoadOptions, state: LoadState): Promise<void> {
  while (hasKcat && state.isRunning) {
    const waits = [
      '-X',
      'fetch.wait.max.ms=100',
      '-X',
      'reconnect.backoff.max.ms=200',
      '-X',
      'check.crcs=true',
    ]
    const where = ['-b', bootstrap, '-t', topic, '-o', 'beginning']
    const child = spawn('kcat', ['-C', '-q', '-u', ...where, ...waits, '-f', recordFormat], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const ended = new Promise<void>(resolve => child.once('close', () => resolve()))
    const lines = takeLines(child.stdout, recordLine, record => ledger.deliver(record))
    while (state.isRunning && (await Promise.race([ended.then(() => false), delay(100, true)])));
    child.kill('SIGKILL')
    await Promise.all([ended, lines])
  }
}

/**
 * Reads partitions from their beginning to their end with kcat and gives how many of them could be read up to the
 * offset that is asked for.
 */
export async function readThrough(bootstrap: string, ends: readonly number[]): Promise<number> {
  let readCount = 0
  for (const [partition, end] of ends.entries()) {
    let last = -1
    const where = ['-b', bootstrap, '-t', topic, '-p', String(partition), '-o', 'beginning']
    const child = spawn('kcat', ['-C', '-q', '-e', ...where, '-X', 'check.crcs=true', '-f', recordFormat], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await takeLines(child.stdout, recordLine, ({ offset }) => {
      last = Math.max(last, offset)
    })
    clearTimeout(timer)
    if (last >= end) readCount++
  }
  return readCount
}

export function count(counts: Counts, error: unknown): void {
  const name = nameOf(error)
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

/** Kafka's name of an error, the system's, or what kafkajs calls it; kafkajs wraps what it has retried. */
export function nameOf(error: unknown): string {
  let name = ''
  for (let at = error as Partial<kafkajs.KafkaJSProtocolError> | undefined; at instanceof Error; ) {
    const { type, code, cause, name: ofClass } = at as { type?: string; code?: unknown } & Error
    if (type !== undefined) return type
    name = typeof code === 'string' ? code : ofClass
    at = cause as typeof at
  }
  return name
}
