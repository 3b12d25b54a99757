/**
 * The clients of a torture run: idempotent kafkajs producers that keep a steady rate over all partitions, and a
 * consumer group that commits what it has read. They outlive every fault by retrying, as an application's would,
 * and write down in the ledger what they were promised.
 *
 * A producer whose send failed for good is replaced: kafkajs does not advance its sequence after a failure, so
 * going on with it would give the numbers of records that may be in the log to other records.
 */
import { setTimeout as delay } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import type { SeededRandom } from '../seeded-random.ts'
import type { RecordLedger } from './record-ledger.ts'

export interface Workload {
  /** Resolves when a send has been acknowledged after this call. */
  nextAcknowledgement(): Promise<unknown>
  /** Resolves when after this call every producer and every member of the group has been acknowledged something. */
  everybodyAcknowledged(): Promise<unknown>
  /** One member of the group leaves and another joins. */
  replaceMember(): Promise<void>
  /** Lets every send that is under way end, then stops the producers. */
  stopProducers(): Promise<void>
  /** Resolves when the group has read up to these ends, or after the time-out. */
  drain(ends: Map<number, number>, timeoutMs: number): Promise<void>
  stopConsumers(): Promise<void>
}

export interface WorkloadOptions {
  bootstrap: string
  topic: string
  groupId: string
  partitions: number
  producers: number
  members: number
  /** Records per second that all producers together try to send. */
  recordsPerSecond: number
  ledger: RecordLedger
  random: SeededRandom
}

/**
 * How long the group waits for a member whose leaving a crash swallowed. Shorter than brokers allow by default:
 * `group.min.session.timeout.ms` has to be lowered to it.
 */
export const sessionTimeoutMs = 3000

/** Retries until the broker is back; a torture run never gives up by itself. */
const patience = { initialRetryTime: 50, maxRetryTime: 400, retries: 1_000_000 }

/** Errors that say that the broker has lost count of a producer, which a restart is no excuse for. */
const sequenceErrors = ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH']

export function patientClient(bootstrap: string, clientId: string): kafkajs.Kafka {
  return new kafkajs.Kafka({
    clientId,
    brokers: [bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: 1000,
    requestTimeout: 10_000,
    retry: patience,
  })
}

export async function startWorkload(options: WorkloadOptions): Promise<Workload> {
  const { ledger } = options
  const acknowledgements = happenings()
  const commits = happenings()
  const state = { producing: true }
  const members = await Promise.all(
    Array.from({ length: options.members }, (_, index) => startMember(options, index, commits.happened)),
  )
  let memberCount = members.length
  let replacedCount = 0
  const producers = Array.from({ length: options.producers }, (_, index) =>
    runProducer(options, index, options.random.fork(), state, () => acknowledgements.happened(index)),
  )

  return {
    nextAcknowledgement: () => acknowledgements.next(),
    everybodyAcknowledged: () =>
      Promise.all([
        acknowledgements.toAll(() => producers.keys()),
        commits.toAll(() => members.map(member => member.index)),
      ]),
    async replaceMember() {
      const place = replacedCount++ % members.length
      const leaving = members[place]!
      members[place] = await startMember(options, memberCount++, commits.happened)
      await leaving.stop()
    },
    async stopProducers() {
      state.producing = false
      await Promise.all(producers)
    },
    async drain(ends, timeoutMs) {
      const deadline = performance.now() + timeoutMs
      const isDrained = () => [...ends].every(([partition, end]) => ledger.nextDelivery(partition) >= end)
      while (!isDrained() && performance.now() < deadline) await delay(50)
    },
    async stopConsumers() {
      await Promise.all(members.map(member => member.stop()))
    },
  }
}

/** Something that happens to clients over and over, and that others wait for. */
function happenings() {
  let waiting: ((client: number) => void)[] = []
  /** Resolves with the index of the client. */
  const next = () => new Promise<number>(resolve => waiting.push(resolve))
  return {
    next,
    happened(client: number) {
      const told = waiting
      waiting = []
      for (const resolve of told) resolve(client)
    },
    /** Resolves when since the call it has happened to each of the clients that there are then. */
    async toAll(clients: () => Iterable<number>) {
      const happenedTo = new Set<number>()
      while ([...clients()].some(client => !happenedTo.has(client))) happenedTo.add(await next())
    },
  }
}

async function runProducer(
  options: WorkloadOptions,
  index: number,
  random: SeededRandom,
  state: { producing: boolean },
  acknowledged: () => void,
): Promise<void> {
  const { topic, partitions, ledger } = options
  const recordsPerSecond = options.recordsPerSecond / options.producers
  for (let incarnation = 0; state.producing; incarnation++) {
    const name = `p${index}.${incarnation}`
    const client = patientClient(options.bootstrap, name)
    const producer = client.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      retry: patience,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    })
    await producer.connect()
    try {
      while (state.producing) {
        const startedAt = performance.now()
        const firstSequences = new Map<number, { first: number; count: number }>()
        const messages: kafkajs.Message[] = []
        for (let batch = random.between(1, 4); batch > 0; batch--) {
          const partition = random.between(0, partitions - 1)
          for (let count = random.between(5, 60); count > 0; count--) {
            const { sequence, value } = ledger.send(name, partition)
            const range = firstSequences.get(partition)
            if (range === undefined) firstSequences.set(partition, { first: sequence, count: 1 })
            else range.count++
            messages.push({ partition, value })
          }
        }
        const answers = await producer.send({ topic, acks: -1, messages })
        for (const { partition, baseOffset } of answers) {
          const { first, count } = firstSequences.get(partition)!
          ledger.acknowledge(name, partition, first, count, Number(baseOffset))
        }
        acknowledged()
        const dueMs = (messages.length / recordsPerSecond) * 1000
        await delay(Math.max(0, dueMs - (performance.now() - startedAt)))
      }
    } catch (error) {
      const { type, message } = error as { type?: string; message: string }
      const kind = sequenceErrors.includes(type ?? '') ? 'sequence refused' : 'send failed'
      ledger.violate(kind, `${name}: ${type ?? ''} ${message}`)
    }
    await producer.disconnect()
  }
}

interface Member {
  readonly index: number
  stop(): Promise<void>
}

/** A member of the group, started anew whenever kafkajs gives it up, as an application would be. */
async function startMember(
  options: WorkloadOptions,
  index: number,
  committed: (member: number) => void,
): Promise<Member> {
  let isStopping = false
  const start = async () => {
    const consumer = await startConsumer(options, `member-${index}`, () => committed(index))
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      // Refused because the group has gone on without it, for instance; of other errors kafkajs recovers.
      if (!payload.restart && !isStopping) current = start()
    })
    return consumer
  }
  let current = start()
  await current
  return {
    index,
    async stop() {
      isStopping = true
      await (await current).disconnect()
    },
  }
}

async function startConsumer(
  options: WorkloadOptions,
  name: string,
  committed: () => void,
): Promise<kafkajs.Consumer> {
  const { ledger, topic } = options
  const consumer = patientClient(options.bootstrap, name).consumer({
    groupId: options.groupId,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: sessionTimeoutMs / 6,
    rebalanceTimeout: 10_000,
    maxWaitTimeInMs: 200,
    retry: patience,
  })
  const { COMMIT_OFFSETS } = consumer.events
  // One that is being stopped resolves `commitOffsets` without sending it; the event comes with the broker's answer.
  consumer.on(COMMIT_OFFSETS, ({ payload }) => {
    for (const { partition, offset } of payload.topics.flatMap(({ partitions }) => partitions)) {
      ledger.committed(partition, Number(offset))
      committed()
    }
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    // One worker only: kafkajs commits with the generation of the moment, so a second worker could commit an
    // offset of the generation before for a partition that belongs to another member by now.
    partitionsConsumedConcurrently: 1,
    eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale }) => {
      if (!isRunning() || isStale()) return
      for (const message of batch.messages) {
        const value = message.value?.toString() ?? ''
        ledger.deliver({ partition: batch.partition, offset: Number(message.offset), value })
        resolveOffset(message.offset)
      }
      const offset = Number(batch.lastOffset()) + 1
      await consumer.commitOffsets([{ topic, partition: batch.partition, offset: String(offset) }])
      await heartbeat()
    },
  })
  return consumer
}
