/**
 * Produces with Kafka's own performance tool as fast as it can, in batches of 16 KB and 128 KB. Every run gets
 * a fresh topic; both brokers stay up for all runs of one flush behaviour, so the JVM is as warm as it gets,
 * and an uncounted run goes ahead.
 */
import { measure } from './measurement.ts'
import { producePerf } from './perf-tools.ts'
import type { Scenario } from './scenario.ts'
import {
  cpuSecondsPerGigabyte,
  createTopic,
  deleteTopic,
  describeLoad,
  loadsOf,
  recordCount,
  type ThroughputSample,
  throughputResult,
  withBrokers,
} from './throughput.ts'

/** CPU seconds per GB produced that Ottla may use. */
const limit = 1.2

export const produce: Scenario = {
  name: 'produce',
  summary: 'kafka-producer-perf-test at full speed: throughput, CPU per GB, latency, memory',
  needsJava: true,
  async run(context) {
    const samples: ThroughputSample[] = []
    for (const flush of ['relaxed', 'durable'] as const) {
      await withBrokers(context, flush, async brokers => {
        let run = 0
        for (const load of loadsOf(context, flush)) {
          const records = recordCount(context, load)
          context.pageCache?.fill()
          // Round 0 warms up and is not counted.
          for (let round = 0; round <= context.rounds; round++) {
            for (const [contestant, broker] of brokers) {
              const topic = `produce-${run++}`
              const isWarmUp = round === 0
              context.progress(
                `produce ${describeLoad(load)}, ${contestant.name}, ${isWarmUp ? 'warming up' : `round ${round}`}`,
              )
              await createTopic(broker, topic, load.partitions)
              const runRecords = isWarmUp ? Math.ceil(records / 4) : records
              const [result, measurement] = await measure(broker, () =>
                producePerf({
                  bootstrap: broker.bootstrap,
                  topic,
                  records: runRecords,
                  recordBytes: load.recordBytes,
                  batchBytes: load.batchBytes,
                  lingerMs: 5,
                }),
              )
              await deleteTopic(broker, topic)
              if (isWarmUp) continue
              samples.push({
                ...load,
                broker: contestant.name,
                round,
                records,
                ...measurement,
                recordsPerSecond: result.recordsPerSecond,
                megabytesPerSecond: result.megabytesPerSecond,
                cpuSecondsPerGigabyte: cpuSecondsPerGigabyte(
                  measurement.brokerCpuSeconds,
                  records,
                  load.recordBytes,
                ),
                p50Ms: result.p50Ms,
                p95Ms: result.p95Ms,
                p99Ms: result.p99Ms,
                filledBatchBytes: result.batchBytes,
              })
            }
          }
        }
      })
    }
    return throughputResult(samples, limit, 'produced,')
  },
}
