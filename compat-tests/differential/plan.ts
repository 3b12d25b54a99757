/**
 * At which versions a scenario is played. All APIs in it walk through their versions together, from the lowest to the
 * highest that both brokers serve, so that there are as many rounds as the longest range has versions. What the
 * newest Kafka does not serve is played beside the release before the removals, where the APIs that lost nothing
 * stay at their lowest.
 */
import { inVersions } from '../../protocol-codecs/versions.ts'
import type { ApiName } from './apis.ts'
import type { Range, Served } from './controls.ts'
import type { Scenario } from './scenario.ts'

export type Round = ReadonlyMap<ApiName, number>

/** Versions of one API, ascending. */
type Versions = readonly number[]

export function roundsBesideNewest(scenario: Scenario, ottla: Served, newest: Served): Round[] {
  return rounds(scenario, api => versionsIn(scenario, api, ottla.get(api), newest.get(api)))
}

export function roundsBeforeRemovals(
  scenario: Scenario,
  ottla: Served,
  newest: Served,
  old: Served,
): Round[] {
  const removed = (api: ApiName) =>
    versionsIn(scenario, api, ottla.get(api), old.get(api)).filter(version => !has(newest.get(api), version))
  if (apisOf(scenario).every(api => removed(api).length === 0)) return []
  return rounds(scenario, api => {
    const versions = removed(api)
    return versions.length > 0
      ? versions
      : versionsIn(scenario, api, ottla.get(api), old.get(api)).slice(0, 1)
  })
}

/** The APIs whose versions a scenario walks through. */
export function apisOf({ steps }: Scenario): ApiName[] {
  const apis = steps.flatMap(step =>
    step.kind === 'send' && step.options.at === undefined ? [step.api] : [],
  )
  return [...new Set(apis)]
}

function rounds(scenario: Scenario, versionsOf: (api: ApiName) => Versions): Round[] {
  const walks = new Map(apisOf(scenario).map(api => [api, versionsOf(api)]))
  // An API that one of the brokers lacks altogether leaves nothing to compare.
  if ([...walks.values()].some(versions => versions.length === 0)) return []
  const length = Math.max(...[...walks.values()].map(versions => versions.length))
  return Array.from(
    { length },
    (_, round) =>
      new Map([...walks].map(([api, versions]) => [api, versions[Math.min(round, versions.length - 1)]!])),
  )
}

function versionsIn(
  scenario: Scenario,
  api: ApiName,
  ottla: Range | undefined,
  kafka: Range | undefined,
): Versions {
  if (ottla === undefined || kafka === undefined) return []
  const first = Math.max(ottla.first, kafka.first)
  const last = Math.min(ottla.last, kafka.last)
  const all = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)
  return all.filter(version => inVersions(scenario.versions?.[api], version))
}

function has(range: Range | undefined, version: number): boolean {
  return range !== undefined && version >= range.first && version <= range.last
}
