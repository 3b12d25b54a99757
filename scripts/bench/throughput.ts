/**
 * What the scenarios `produce` and `consume` share: the grid of record size, batch size and flush behaviour,
 * topics that come and go, and the table that puts the medians of the contestants side by side.
 */
import kafkajs from 'kafkajs'
import type { RunningBroker } from '../broker-process.ts'
import { groupBy, median } from '../statistics.ts'
import { readable } from '../text-table.ts'
import type { Contestant, Flush } from './contestants.ts'
import { type Measurement, noisyCores } from './measurement.ts'
import type { BenchContext, Limit, ScenarioResult } from './scenario.ts'

/** One cell of the grid. */
export interface Load {
  recordBytes: number
  batchBytes: number
  flush: Flush
  partitions: number
}

export interface ThroughputSample extends Load, Measurement {
  broker: Contestant['name']
  round: number
  records: number
  recordsPerSecond: number
  megabytesPerSecond: number
  cpuSecondsPerGigabyte: number
  p50Ms?: number
  p95Ms?: number
  p99Ms?: number
  /** How full the producer's batches were. */
  filledBatchBytes?: number
}

/** The grid's cells of one flush behaviour, for every number of partitions that was asked for. */
export function loadsOf(context: BenchContext, flush: Flush): Load[] {
  const grid: Omit<Load, 'partitions'>[] =
    flush === 'durable'
      ? [{ recordBytes: 1024, batchBytes: 16_384, flush }]
      : [16_384, 131_072].flatMap(batchBytes =>
          [100, 1024].map(recordBytes => ({ recordBytes, batchBytes, flush })),
        )
  return context.partitions.flatMap(partitions => grid.map(load => ({ ...load, partitions })))
}

export function describeLoad({ recordBytes, batchBytes, flush, partitions }: Load): string {
  return `${recordBytes} B records in ${batchBytes / 1024} KB batches, ${partitions} partition(s), ${flush}`
}

export function recordCount(context: BenchContext, load: Load): number {
  const megabytes = load.flush === 'durable' ? context.megabytes / 5 : context.megabytes
  return Math.max(1000, Math.round((megabytes * 1e6) / load.recordBytes))
}

/** CPU seconds per 10^9 bytes of record data, which is what the limits are about. */
export function cpuSecondsPerGigabyte(cpuSeconds: number, records: number, recordBytes: number): number {
  return cpuSeconds / ((records * recordBytes) / 1e9)
}

/** Starts all contestants, runs, and stops them, whatever happens in between. */
export async function withBrokers<T>(
  context: BenchContext,
  flush: Flush,
  run: (brokers: [Contestant, RunningBroker][]) => Promise<T>,
): Promise<T> {
  const brokers: [Contestant, RunningBroker][] = []
  try {
    for (const contestant of context.contestants) {
      context.progress(`starting ${contestant.name} (${flush})`)
      brokers.push([contestant, await contestant.start(flush)])
    }
    return await run(brokers)
  } finally {
    for (const [, broker] of brokers) await broker.stop()
  }
}

export async function createTopic(broker: RunningBroker, topic: string, partitions: number): Promise<void> {
  await withAdmin(broker, async admin => {
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }] })
  })
}

export async function deleteTopic(broker: RunningBroker, topic: string): Promise<void> {
  await withAdmin(broker, admin => admin.deleteTopics({ topics: [topic] }))
}

async function withAdmin(broker: RunningBroker, run: (admin: kafkajs.Admin) => Promise<void>): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const admin = client.admin()
  await admin.connect()
  try {
    await run(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Medians per cell and broker, and Ottla's cells of relaxed 16 KB batches held against the limit. */
export function throughputResult(samples: ThroughputSample[], atMost: number, what: string): ScenarioResult {
  const cells = groupBy(samples, sample => `${describeLoad(sample)} ${sample.broker}`)
  const hasLatency = samples.some(sample => sample.p50Ms !== undefined)
  const limits: Limit[] = []
  const rows = [...cells.values()].map(cell => {
    const { recordBytes, batchBytes, flush, partitions, broker } = cell[0]!
    const middle = (pick: (sample: ThroughputSample) => number | undefined) =>
      median(cell.map(pick).filter(value => value !== undefined))
    const cost = cell.map(sample => sample.cpuSecondsPerGigabyte)
    const foreign = Math.max(...cell.map(sample => sample.foreignCores))
    if (broker === 'ottla' && flush === 'relaxed' && batchBytes === 16_384) {
      limits.push({
        what: `${what} ${describeLoad(cell[0]!)}`,
        unit: 'CPU-s/GB',
        atMost,
        measured: median(cost),
      })
    }
    return [
      `${recordBytes} B`,
      `${batchBytes / 1024} KB`,
      partitions,
      flush,
      broker,
      readable(middle(sample => sample.recordsPerSecond)),
      readable(middle(sample => sample.megabytesPerSecond)),
      readable(median(cost)),
      `${readable(Math.min(...cost))}..${readable(Math.max(...cost))}`,
      ...(hasLatency
        ? [
            readable(middle(sample => sample.p50Ms)),
            readable(middle(sample => sample.p95Ms)),
            readable(middle(sample => sample.p99Ms)),
          ]
        : []),
      readable(middle(sample => sample.peakResidentBytes) / 1e6),
      readable(middle(sample => sample.residentBytes) / 1e6),
      `${readable(foreign)}${foreign > noisyCores ? ' noisy' : ''}`,
    ]
  })
  return {
    headings: [
      'record',
      'batch',
      'partitions',
      'flush',
      'broker',
      'records/s',
      'MB/s',
      'CPU-s/GB',
      'min..max',
      ...(hasLatency ? ['p50 ms', 'p95 ms', 'p99 ms'] : []),
      'peak MB',
      'after MB',
      'foreign cores',
    ],
    rows,
    limits,
    samples,
  }
}
