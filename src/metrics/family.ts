/**
 * A metric family: a name, what it means, its type, and where its samples come from when somebody scrapes. Nothing is
 * counted here. prom-client's own metrics are made to be counted into, one hashed set of labels at a time; these only
 * read plain numbers that others keep, and its registry writes them as text (`exposition.ts`).
 */
import type { Scrape } from './scrape.ts'

export type Labels = Readonly<Record<string, string | number>>

export interface Sample {
  readonly value: number
  readonly labels?: Labels
  /** Labels that many samples have, as one object that is kept: their text is made once. */
  readonly sharedLabels?: Labels
  /** If it is not the family's own: a summary has `_sum` and `_count` too. */
  readonly metricName?: string
}

export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'summary'
  /** Read while the event loop goes on in between: what it goes through may change meanwhile. */
  samples(scrape: Scrape): Iterable<Sample>
}

type Samples = Family['samples']

export function gauge(name: string, help: string, value: (scrape: Scrape) => number): Family {
  return gauges(name, help, scrape => [{ value: value(scrape) }])
}

export function gauges(name: string, help: string, samples: Samples): Family {
  return { name, help, type: 'gauge', samples }
}

export function counter(name: string, help: string, value: (scrape: Scrape) => number): Family {
  return counters(name, help, scrape => [{ value: value(scrape) }])
}

export function counters(name: string, help: string, samples: Samples): Family {
  return { name, help, type: 'counter', samples }
}

export function summaries(name: string, help: string, samples: Samples): Family {
  return { name, help, type: 'summary', samples }
}
