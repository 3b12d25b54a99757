/**
 * From spawning the broker on an empty data directory to the first record that it acknowledged, default
 * settings on both sides (so Ottla's acknowledgement is durable, Kafka's is not). Formatting Kafka's storage is
 * not counted.
 */
import { freePort } from '../broker-process.ts'
import { groupBy, median } from '../statistics.ts'
import { readable } from '../text-table.ts'
import type { Scenario } from './scenario.ts'

/** Milliseconds from spawn to acknowledgement that Ottla may take. */
const limitMs = 400

interface StartupSample {
  broker: string
  round: number
  readyMs: number
  firstAckMs: number
}

export const startup: Scenario = {
  name: 'startup',
  summary: 'spawn to first acknowledged record with an empty data directory',
  needsJava: false,
  async run(context) {
    const { firstAcknowledgedRecord } = await import('./first-record-client.ts')
    const samples: StartupSample[] = []
    for (let round = 1; round <= context.rounds; round++) {
      for (const contestant of context.contestants) {
        context.progress(`startup, ${contestant.name}, round ${round}`)
        const port = await freePort()
        // The client knocks from before the process exists; both clocks are this process's.
        const acknowledged = firstAcknowledgedRecord(port, 'first', 120_000)
        acknowledged.catch(() => undefined)
        const broker = await contestant.start(contestant.name === 'ottla' ? 'durable' : 'relaxed', port)
        try {
          const firstAckMs = (await acknowledged) - broker.spawnedAt
          samples.push({ broker: contestant.name, round, readyMs: broker.startMs, firstAckMs })
        } finally {
          await broker.stop()
        }
      }
    }
    const byBroker = groupBy(samples, sample => sample.broker)
    const rows = [...byBroker].map(([broker, cell]) => {
      const ready = cell.map(sample => sample.readyMs)
      const first = cell.map(sample => sample.firstAckMs)
      const range = `${readable(Math.min(...first))}..${readable(Math.max(...first))}`
      return [broker, readable(median(ready)), readable(median(first)), range]
    })
    const ofOttla = byBroker.get('ottla')?.map(sample => sample.firstAckMs)
    return {
      headings: ['broker', 'ready ms', 'first ack ms', 'min..max'],
      rows,
      limits:
        ofOttla === undefined
          ? []
          : [
              {
                what: 'start to first acknowledged record',
                unit: 'ms',
                atMost: limitMs,
                measured: median(ofOttla),
              },
            ],
      samples,
    }
  },
}
