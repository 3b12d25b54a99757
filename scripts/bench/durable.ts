/**
 * How long an acknowledgement that survives a power loss takes, when one record at a time is sent to 1, 100 and
 * 1,000 partitions: acks=all, on the disk before it is answered. Fifty connections send 1 KB each and wait for the
 * answer, so every figure is a latency too. Ottla runs with its journal and without, beside Apache Kafka, which is
 * told to flush after every message. docs/decisions/0001-journal.md rests on this.
 */
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import { prepareCrc32c } from '../../protocol-codecs/crc32c.ts'
import { errorName, isRetriable } from '../../protocol-codecs/error-codes.ts'
import { produceRequest, produceResponse } from '../../protocol-codecs/messages/produce.ts'
import { Connection } from '../../src/client/connection.ts'
import type { RunningBroker } from '../broker-process.ts'
import { startOttla } from '../ottla-process.ts'
import { groupBy, median } from '../statistics.ts'
import { readable } from '../text-table.ts'
import { kafka } from './contestants.ts'
import { type Measurement, measure } from './measurement.ts'
import type { Scenario } from './scenario.ts'
import { createTopic } from './throughput.ts'

const partitionCounts = [1, 100, 1000]
const connectionCount = 50
const recordBytes = 1024
const runMs = 5000
const warmUpMs = 3000
/** Up to the last version that names topics. */
const exchange = { request: produceRequest, response: produceResponse, versions: '9-12' } as const
const connectionOptions = { clientId: 'bench', softwareVersion: '1', timeoutMs: 60_000 }

const contenders: Record<string, () => Promise<RunningBroker>> = {
  ottla: () => startOttla({}),
  'ottla without journal': () => startOttla({ overrides: { 'log.journal.enable': 'false' } }),
  kafka: () => kafka.start('durable'),
}

interface Sample extends Measurement {
  broker: string
  partitions: number
  round: number
  recordsPerSecond: number
  p50Ms: number
  p99Ms: number
  maxMs: number
  cpuMicrosPerRecord: number
}

export const durable: Scenario = {
  name: 'durable',
  summary: 'acks=all on the disk, one record at a time to 1, 100 and 1,000 partitions: rate and latency',
  needsJava: true,
  async run(context) {
    await prepareCrc32c()
    const samples: Sample[] = []
    const names = context.contestants.map(({ name }) => name)
    for (const [broker, start] of Object.entries(contenders)) {
      if (!names.some(name => broker.startsWith(name))) continue
      const running = await start()
      try {
        for (const partitions of partitionCounts) {
          const topic = `durable-${partitions}`
          await createTopic(running, topic, partitions)
          await load(running, topic, partitions, warmUpMs)
          for (let round = 1; round <= context.rounds; round++) {
            context.progress(`durable, ${broker}, ${partitions} partition(s), round ${round}`)
            const [latencies, measurement] = await measure(running, () =>
              load(running, topic, partitions, runMs),
            )
            latencies.sort((a, b) => a - b)
            const at = (share: number): number => latencies[Math.floor((latencies.length - 1) * share)]!
            samples.push({
              ...measurement,
              broker,
              partitions,
              round,
              recordsPerSecond: (latencies.length / runMs) * 1000,
              p50Ms: at(0.5),
              p99Ms: at(0.99),
              maxMs: at(1),
              cpuMicrosPerRecord: (measurement.brokerCpuSeconds / latencies.length) * 1e6,
            })
          }
        }
      } finally {
        await running.stop()
      }
    }
    const cells = [...groupBy(samples, ({ partitions, broker }) => `${partitions} ${broker}`).values()]
    cells.sort((a, b) => a[0]!.partitions - b[0]!.partitions)
    return {
      headings: [
        'partitions',
        'broker',
        'records/s',
        'p50 ms',
        'p99 ms',
        'max ms',
        'CPU us/record',
        'peak MB',
      ],
      rows: cells.map(cell => {
        const middle = (pick: (sample: Sample) => number) => median(cell.map(pick))
        return [
          cell[0]!.partitions,
          cell[0]!.broker,
          readable(middle(sample => sample.recordsPerSecond)),
          readable(middle(sample => sample.p50Ms)),
          readable(middle(sample => sample.p99Ms)),
          readable(middle(sample => sample.maxMs)),
          readable(middle(sample => sample.cpuMicrosPerRecord)),
          readable(middle(sample => sample.peakResidentBytes / 1e6)),
        ]
      }),
      limits: [],
      samples,
    }
  },
}

/** Sends records until the time is over; gives for each how long its answer took, in ms. */
async function load(
  { bootstrap }: RunningBroker,
  topic: string,
  partitions: number,
  durationMs: number,
): Promise<number[]> {
  const [host, port] = bootstrap.split(':')
  const batch = buildBatch({ records: [{ value: Buffer.alloc(recordBytes, 'x') }], timestamp: Date.now() })
  const latencies: number[] = []
  const endAt = performance.now() + durationMs
  const sendUntilEnd = async (first: number): Promise<void> => {
    const client = await Connection.open({ host: host!, port: Number(port) }, connectionOptions)
    try {
      for (let index = first % partitions; ; index = (index + connectionCount) % partitions) {
        const startedAt = performance.now()
        if (startedAt >= endAt) return
        const answer = await client.send(exchange, {
          transactionalId: null,
          acks: -1,
          timeoutMs: 30_000,
          topicData: [{ name: topic, partitionData: [{ index, records: batch }] }],
        })
        const { errorCode } = answer.responses[0]!.partitionResponses[0]!
        // A new topic may not have reached every part of a broker yet.
        if (isRetriable(errorName(errorCode))) continue
        if (errorCode !== 0) throw new Error(`${topic}-${index} answered with the error code ${errorCode}`)
        latencies.push(performance.now() - startedAt)
      }
    } finally {
      client.close()
    }
  }
  await Promise.all(Array.from({ length: connectionCount }, (_, n) => sendUntilEnd(n)))
  return latencies
}
