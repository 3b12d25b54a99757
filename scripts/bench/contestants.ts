/**
 * The brokers that are compared, with equal flush behaviour. `relaxed`: acks=all is answered from the page
 * cache (Kafka's default; Ottla with write caching). `durable`: answered after the data is on disk (Ottla's
 * default; Kafka told to flush after every message).
 */
import { startApacheKafka } from '../apache-kafka.ts'
import type { RunningBroker } from '../broker-process.ts'
import { startOttla } from '../ottla-process.ts'

export type Flush = 'relaxed' | 'durable'

export interface Contestant {
  name: 'ottla' | 'kafka'
  /** Starts it on an empty directory of its own, which `stop` removes. */
  start(flush: Flush, port?: number): Promise<RunningBroker>
}

export const ottla: Contestant = {
  name: 'ottla',
  start: (flush, port) =>
    startOttla({ port, overrides: flush === 'relaxed' ? { 'write.caching.default': 'true' } : {} }),
}

export const kafka: Contestant = {
  name: 'kafka',
  start: (flush, port) =>
    startApacheKafka({ port, overrides: flush === 'durable' ? { 'log.flush.interval.messages': '1' } : {} }),
}
