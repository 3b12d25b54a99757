/**
 * Kafka's own performance tools, `kafka-producer-perf-test` and `kafka-consumer-perf-test`, run against any
 * broker, and their output as numbers. Their megabytes are of 2^20 bytes; ours, here and in every table, of 10^6.
 */
import { randomUUID } from 'node:crypto'
import { kafkaTool } from '../apache-kafka.ts'

export interface ProduceResult {
  recordsPerSecond: number
  megabytesPerSecond: number
  averageMs: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
  maxMs: number
  /** How full the batches were on average, in bytes on the wire. */
  batchBytes: number | undefined
}

export interface ConsumeResult {
  recordsPerSecond: number
  megabytesPerSecond: number
}

export interface PerfRun {
  bootstrap: string
  topic: string
  records: number
  recordBytes: number
}

const summaryPattern =
  /^(\d+) records sent, ([\d.]+) records\/sec .*?, ([\d.]+) ms avg latency, ([\d.]+) ms max latency, (\d+) ms 50th, (\d+) ms 95th, (\d+) ms 99th/

/** Produces as fast as the tool can, or at a given rate, with acks=all and an idempotent producer. */
export async function producePerf(
  run: PerfRun & { batchBytes: number; lingerMs: number; recordsPerSecond?: number },
): Promise<ProduceResult> {
  const { code, stdout, stderr } = await kafkaTool('org.apache.kafka.tools.ProducerPerformance', [
    '--bootstrap-server',
    run.bootstrap,
    '--topic',
    run.topic,
    '--num-records',
    String(run.records),
    '--record-size',
    String(run.recordBytes),
    '--throughput',
    String(run.recordsPerSecond ?? -1),
    '--print-metrics',
    '--command-property',
    'acks=all',
    `batch.size=${run.batchBytes}`,
    `linger.ms=${run.lingerMs}`,
  ])
  // The summary is the only such line that names percentiles; interval reports do not.
  const summary = stdout.split('\n').map(line => line.match(summaryPattern))
  const match = summary.find(found => found !== null)
  if (code !== 0 || match == null || Number(match[1]) !== run.records) {
    throw new Error(`kafka-producer-perf-test failed (${code}): ${tail(stdout)}\n${tail(stderr)}`)
  }
  const recordsPerSecond = Number(match[2])
  const batch = stdout.match(/producer-metrics:batch-size-avg\S*\s*:\s*([\d.]+)/)
  return {
    recordsPerSecond,
    megabytesPerSecond: (recordsPerSecond * run.recordBytes) / 1e6,
    averageMs: Number(match[3]),
    maxMs: Number(match[4]),
    p50Ms: Number(match[5]),
    p95Ms: Number(match[6]),
    p99Ms: Number(match[7]),
    batchBytes: batch === null ? undefined : Number(batch[1]),
  }
}

/** Consumes a topic from its beginning in a group of its own; fails unless every record arrived. */
export async function consumePerf(run: PerfRun): Promise<ConsumeResult> {
  const { code, stdout, stderr } = await kafkaTool('org.apache.kafka.tools.ConsumerPerformance', [
    '--bootstrap-server',
    run.bootstrap,
    '--topic',
    run.topic,
    '--group',
    `perf-${randomUUID()}`,
    '--num-records',
    String(run.records),
    '--hide-header',
    '--timeout',
    '20000',
  ])
  // start, end, MB consumed, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
  const fields = stdout
    .split('\n')
    .map(line => line.split(',').map(field => field.trim()))
    .find(candidate => candidate.length === 10)
  const consumed = Number(fields?.[4])
  if (code !== 0 || !(consumed >= run.records)) {
    throw new Error(`kafka-consumer-perf-test failed (${code}): ${tail(stdout)}\n${tail(stderr)}`)
  }
  const recordsPerSecond = Number(fields![9])
  return { recordsPerSecond, megabytesPerSecond: (recordsPerSecond * run.recordBytes) / 1e6 }
}

function tail(text: string): string {
  return text.trim().split('\n').slice(-12).join('\n')
}
