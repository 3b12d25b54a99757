/**
 * Plays scenarios to the broker under test and to Apache Kafka at once, round by round, and keeps what was compared
 * and what differed. A difference that `expectedPairs` means is counted apart.
 */

import { inVersions } from '../../protocol-codecs/versions.ts'
import { compareTranscripts, type Difference, matches } from './compare.ts'
import type { Control, Controls, Served } from './controls.ts'
import { type Exception, type ExpectedPair, exceptions } from './exceptions.ts'
import { expectedPairs } from './expected-pairs.ts'
import { type Round, roundsBeforeRemovals, roundsBesideNewest } from './plan.ts'
import { play, type Versions } from './play.ts'
import type { Scenario } from './scenario.ts'
import type { Stage } from './stage.ts'

export interface FoundDifference extends Difference {
  readonly scenario: string
  readonly release: string
}

export interface Count {
  cases: number
  differences: number
}

const roundsAtATime = 8

export class Comparison {
  readonly ottla: Stage
  readonly served: Served
  private readonly controls: Controls
  /** By API, by version. */
  readonly counts = new Map<string, Map<number, Count>>()
  readonly differences: FoundDifference[] = []
  readonly expected = new Map<ExpectedPair, number>()
  private readonly reordered = new Set<Exception>()
  private rounds = 0

  constructor(ottla: Stage, served: Served, controls: Controls) {
    this.ottla = ottla
    this.served = served
    this.controls = controls
  }

  /** The differences that nobody expects. */
  async run(scenario: Scenario): Promise<FoundDifference[]> {
    const newest = await this.controls.ofNewest()
    const rounds = roundsBesideNewest(scenario, this.served, newest.served).map(
      round => [newest, round] as const,
    )
    if (this.hasRemovedVersions(scenario, newest)) {
      const old = await this.controls.beforeRemovals()
      for (const round of roundsBeforeRemovals(scenario, this.served, newest.served, old.served)) {
        rounds.push([old, round])
      }
    }
    const found = await this.together(scenario, rounds)
    this.differences.push(...found)
    return found
  }

  /** Without starting the old release for a scenario that has nothing for it. */
  private hasRemovedVersions(scenario: Scenario, newest: Control): boolean {
    return roundsBeforeRemovals(scenario, this.served, newest.served, this.served).length > 0
  }

  /** Several rounds at a time, unless they see each other: each has names and connections of its own. */
  private async together(
    scenario: Scenario,
    rounds: readonly (readonly [Control, Round])[],
  ): Promise<FoundDifference[]> {
    const found: FoundDifference[][] = []
    let next = 0
    const work = async () => {
      for (let index = next++; index < rounds.length; index = next++) {
        const [control, round] = rounds[index]!
        found[index] = await this.round(scenario, control, round, `r${this.rounds + index}`)
      }
    }
    // All of them come to an end, so that none is still under way when the brokers are stopped.
    const workers = Array.from({ length: scenario.isAlone ? 1 : roundsAtATime }, work)
    for (const worker of await Promise.allSettled(workers)) {
      if (worker.status === 'rejected') throw worker.reason
    }
    this.rounds += rounds.length
    return found.flat()
  }

  /** `prefix` gives things the same names on both, since the order of some answers depends on them. */
  private async round(
    scenario: Scenario,
    control: Control,
    round: Round,
    prefix: string,
  ): Promise<FoundDifference[]> {
    const versions: Versions = api => round.get(api)!
    const [kafka, ottla] = await Promise.all([
      play(scenario, control.stage, versions, prefix),
      play(scenario, this.ottla, versions, prefix),
    ])
    const { compared, differences, reordered } = compareTranscripts(kafka, ottla, exceptions, prefix)
    for (const rule of reordered) this.reordered.add(rule)
    const found = differences.map(difference => ({
      ...difference,
      scenario: scenario.name,
      release: control.release,
    }))
    const unexpected = found.filter(difference => !this.isExpected(difference))
    for (const { api, version } of compared) this.count(api, version).cases += 1
    for (const { api, version } of unexpected) if (api !== '') this.count(api, version).differences += 1
    return unexpected
  }

  /** Both brokers are Apache Kafka, formatted with one id. */
  async isOfKafkaAlone(): Promise<boolean> {
    return (await this.controls.ofNewest()).stage.clusterId === this.ottla.clusterId
  }

  /** Of those that are expected of a release or scenario, the ones that no longer differ. */
  unseenPairs(): ExpectedPair[] {
    return expectedPairs.filter(pair => !this.expected.has(pair))
  }

  /** Lists that are compared without their order, though nothing was in another order. */
  needlessSets(): Exception[] {
    return exceptions.filter(rule => rule.as === 'set' && !this.reordered.has(rule))
  }

  private isExpected(difference: FoundDifference): boolean {
    const path = difference.path.replaceAll(/\.\d+/g, '.*')
    const same = (expected: string | undefined, found: string) => expected === undefined || expected === found
    const pair = expectedPairs.find(
      ({ api, field, kafka, ottla, scenario, step, release, versions }) =>
        api === difference.api &&
        (field === undefined || (field === '' ? path === '' : matches(field, path))) &&
        inVersions(versions, difference.version) &&
        same(kafka, difference.kafka) &&
        same(ottla, difference.ottla) &&
        same(scenario, difference.scenario) &&
        same(step, difference.step) &&
        same(release, difference.release),
    )
    if (pair === undefined) return false
    this.expected.set(pair, (this.expected.get(pair) ?? 0) + 1)
    return true
  }

  private count(api: string, version: number): Count {
    const versions = this.counts.get(api) ?? new Map<number, Count>()
    const count = versions.get(version) ?? { cases: 0, differences: 0 }
    this.counts.set(api, versions.set(version, count))
    return count
  }
}
