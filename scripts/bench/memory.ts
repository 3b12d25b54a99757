/**
 * Resident memory of a broker with default settings that has nothing to do: just after it started, after it
 * stood idle, and idle again after a first topic with a few records, because a broker that nobody has spoken to
 * proves little. The limit holds for the largest of the three.
 */
import { setTimeout as delay } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { groupBy, median } from '../statistics.ts'
import { readable } from '../text-table.ts'
import type { Scenario } from './scenario.ts'

/** Megabytes that Ottla may occupy when idle. */
const limitMegabytes = 90

interface MemorySample {
  broker: string
  round: number
  startedMegabytes: number
  idleMegabytes: number
  usedMegabytes: number
}

export const memory: Scenario = {
  name: 'memory',
  summary: 'resident memory after the start, idle, and idle after a little use',
  needsJava: false,
  async run(context) {
    const samples: MemorySample[] = []
    for (let round = 1; round <= context.rounds; round++) {
      for (const contestant of context.contestants) {
        context.progress(`memory, ${contestant.name}, round ${round}`)
        const broker = await contestant.start(contestant.name === 'ottla' ? 'durable' : 'relaxed')
        try {
          const startedMegabytes = broker.residentBytes() / 1e6
          await delay(context.idleSeconds * 1000)
          const idleMegabytes = broker.residentBytes() / 1e6
          await useALittle(broker.bootstrap)
          await delay(context.idleSeconds * 1000)
          const usedMegabytes = broker.residentBytes() / 1e6
          samples.push({ broker: contestant.name, round, startedMegabytes, idleMegabytes, usedMegabytes })
        } finally {
          await broker.stop()
        }
      }
    }
    const byBroker = groupBy(samples, sample => sample.broker)
    const middle = (cell: MemorySample[], pick: (sample: MemorySample) => number) => median(cell.map(pick))
    const ofOttla = byBroker.get('ottla')
    return {
      headings: ['broker', 'started MB', `idle ${context.idleSeconds} s MB`, 'idle after 1 000 records MB'],
      rows: [...byBroker].map(([broker, cell]) => [
        broker,
        readable(middle(cell, sample => sample.startedMegabytes)),
        readable(middle(cell, sample => sample.idleMegabytes)),
        readable(middle(cell, sample => sample.usedMegabytes)),
      ]),
      limits:
        ofOttla === undefined
          ? []
          : [
              {
                what: 'idle memory',
                unit: 'MB',
                atMost: limitMegabytes,
                measured: middle(ofOttla, sample =>
                  Math.max(sample.startedMegabytes, sample.idleMegabytes, sample.usedMegabytes),
                ),
              },
            ],
      samples,
    }
  },
}

async function useALittle(bootstrap: string): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const admin = client.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'memory', numPartitions: 3, replicationFactor: 1 }] })
  await admin.disconnect()
  const producer = client.producer()
  await producer.connect()
  for (let batch = 0; batch < 10; batch++) {
    const messages = Array.from({ length: 100 }, (_, index) => ({
      value: `${batch}-${index}`.padEnd(1000, '.'),
    }))
    await producer.send({ topic: 'memory', messages })
  }
  await producer.disconnect()
}
