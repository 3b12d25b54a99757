/** Requests by API: how many, which errors, and how long each piece of them took. Names of Kafka's RequestMetrics. */
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { counters, type Family, gauge, summaries } from './family.ts'
import { microsPerMilli, timeSamples } from './quantiles.ts'
import type { ApiMetrics } from './request-metrics.ts'
import type { MetricSources } from './sources.ts'

const prefix = 'kafka_network_requestmetrics'

type TimesOf = (api: ApiMetrics) => ApiMetrics['totalTimes']

export function requestFamilies({ requests: { apis } }: MetricSources): Family[] {
  const named = apis.flatMap(api => namesOf(api).map(request => ({ request, api })))
  const times = (piece: string, help: string, timesOf: TimesOf): Family => {
    const name = `${prefix}_${piece}timems`
    const each = named.map(({ request, api }) => timeSamples(name, { request }, timesOf(api), microsPerMilli))
    return summaries(name, help, function* () {
      for (const samples of each) yield* samples()
    })
  }
  return [
    counters(`${prefix}_requests_total`, 'Requests that were answered.', function* () {
      for (const { request, api } of named) {
        for (const [version, value] of api.requests.entries()) {
          if (value > 0) yield { labels: { request, version }, value }
        }
      }
    }),
    counters(`${prefix}_errors_total`, 'Errors in responses.', function* () {
      for (const { request, api } of named) {
        for (const [code, value] of api.errors) yield { labels: { request, error: errorName(code) }, value }
      }
    }),
    times('total', 'From the arrival of a request to its response.', api => api.totalTimes),
    times('requestqueue', 'Before the handler began.', api => api.requestQueueTimes),
    times('local', 'On the event loop, for this request alone.', api => api.localTimes),
    times('remote', 'Waiting for the disk, for records or for others.', api => api.remoteTimes),
    times('responsequeue', 'From the answer to its place in what is sent.', api => api.responseQueueTimes),
    gauge(
      'kafka_network_requestchannel_requestqueuesize',
      'Requests that have arrived and wait for those before them.',
      ({ sources: { listeners } }) => listeners.reduce((count, { waitingCount }) => count + waitingCount, 0),
    ),
  ]
}

/** Kafka counts a consumer's fetch twice: as what it is and, with those of followers, under the API's name. */
function namesOf({ name }: ApiMetrics): readonly string[] {
  return name === 'Fetch' ? [name, 'FetchConsumer'] : [name]
}
