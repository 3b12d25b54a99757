/**
 * Consumes with Kafka's own performance tool what was produced in batches of 16 KB and 128 KB, from the
 * beginning and warm in the page cache. Flush behaviour plays no part in reading, so there are relaxed rows only.
 */
import { measure } from './measurement.ts'
import { consumePerf, producePerf } from './perf-tools.ts'
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

/** CPU seconds per GB consumed that Ottla may use. */
const limit = 0.7

export const consume: Scenario = {
  name: 'consume',
  summary: 'kafka-consumer-perf-test from the beginning of a topic: throughput, CPU per GB, memory',
  needsJava: true,
  async run(context) {
    const samples: ThroughputSample[] = []
    await withBrokers(context, 'relaxed', async brokers => {
      let topics = 0
      for (const load of loadsOf(context, 'relaxed')) {
        const { recordBytes, batchBytes } = load
        const records = recordCount(context, load)
        const what = `consume ${describeLoad(load)}`
        const topic = `consume-${topics++}`
        for (const [contestant, broker] of brokers) {
          context.progress(`${what}, filling ${contestant.name}`)
          await createTopic(broker, topic, load.partitions)
          await producePerf({
            bootstrap: broker.bootstrap,
            topic,
            records,
            recordBytes,
            batchBytes,
            lingerMs: 5,
          })
        }
        // Round 0 warms up and is not counted.
        for (let round = 0; round <= context.rounds; round++) {
          for (const [contestant, broker] of brokers) {
            context.progress(`${what}, ${contestant.name}, ${round === 0 ? 'warming up' : `round ${round}`}`)
            const [result, measurement] = await measure(broker, () =>
              consumePerf({ bootstrap: broker.bootstrap, topic, records, recordBytes }),
            )
            if (round === 0) continue
            const cost = cpuSecondsPerGigabyte(measurement.brokerCpuSeconds, records, recordBytes)
            samples.push({
              ...load,
              broker: contestant.name,
              round,
              records,
              ...measurement,
              ...result,
              cpuSecondsPerGigabyte: cost,
            })
          }
        }
        for (const [, broker] of brokers) await deleteTopic(broker, topic)
      }
    })
    return throughputResult(samples, limit, 'consumed,')
  },
}
