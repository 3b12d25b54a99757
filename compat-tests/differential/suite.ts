/**
 * Whether Ottla answers as Apache Kafka does: the same requests go to both, at every API and version that Ottla
 * advertises, and the answers are held against each other field by field. What may differ is in `exceptions.ts` and
 * `expected-pairs.ts`, and nowhere else. With `--against apache-kafka` Kafka is held against itself, which shows what
 * of an answer is chance.
 */
import { prepareCompression } from '../../protocol-codecs/compression/compression.ts'
import { seededRandom } from '../../scripts/seeded-random.ts'
import { commonSettings } from '../broker-under-test.ts'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { Controls, servedBy } from './controls.ts'
import { randomScenarios } from './random-scenarios.ts'
import { describeDifferences, differencesOf, table, withoutCase } from './report.ts'
import { Comparison } from './run-scenarios.ts'
import type { Scenario } from './scenario.ts'
import { batchScenarios } from './scenarios/batches.ts'
import { clusterScenarios } from './scenarios/cluster.ts'
import { configScenarios } from './scenarios/configs.ts'
import { fetchSessionScenarios } from './scenarios/fetch-sessions.ts'
import { groupScenarios } from './scenarios/groups.ts'
import { offsetScenarios } from './scenarios/offsets.ts'
import { oldFormatScenarios } from './scenarios/old-formats.ts'
import { placeScenarios } from './scenarios/places.ts'
import { producerScenarios } from './scenarios/producers.ts'
import { recordScenarios } from './scenarios/records.ts'
import { topicScenarios } from './scenarios/topics.ts'
import { wholeClusterScenarios } from './scenarios/whole-cluster.ts'
import { Stage } from './stage.ts'

/** Of both brokers, beside what all suites have. */
export const settings: Record<string, string> = {
  // Kafka answers acks=all from the page cache.
  'write.caching.default': 'true',
  // Where a configuration comes from is compared, and Kafka cannot be started without one.
  'node.id': '1',
  // Ottla asks clients for metrics where it serves its own; Kafka where a plugin receives them (controls.ts).
  'metrics.port': '0',
}

const areas: readonly (readonly [name: string, scenarios: (seed: number) => readonly Scenario[]])[] = [
  ['the whole cluster', () => wholeClusterScenarios],
  ['topics', () => topicScenarios],
  ['the cluster and its frames', () => clusterScenarios],
  ['records', () => recordScenarios],
  ['places in logs', () => placeScenarios],
  ['batches', () => batchScenarios],
  ['messages of old formats', () => oldFormatScenarios],
  ['producers', () => producerScenarios],
  ['fetch sessions', () => fetchSessionScenarios],
  ['groups', () => groupScenarios],
  ['offsets', () => offsetScenarios],
  ['configurations', () => configScenarios],
  ['random requests', seed => randomScenarios(seededRandom(seed), randomCount)],
]
/** What continuous integration has time for. */
const quick: ReadonlySet<string> = new Set(['the whole cluster', 'places in logs', 'fetch sessions'])
const randomCount = 12
const timeLimitMs = 900_000

const controls = new Controls({ ...commonSettings, ...settings })
let begun: Promise<Comparison> | undefined
let areasDone = 0

function comparison({ bootstrap }: TestContext): Promise<Comparison> {
  begun ??= begin(bootstrap)
  return begun
}

async function begin(bootstrap: string): Promise<Comparison> {
  await prepareCompression()
  await controls.ofNewest()
  const ottla = await Stage.open('Ottla', bootstrap)
  return new Comparison(ottla, await servedBy(ottla), controls)
}

export const capabilities: Capability[] = inArea('protocol', [
  ...areas.map(([name, scenarios]) => ({
    name: `${name}: the answers of Apache Kafka`,
    ci: quick.has(name),
    timeLimitMs,
    async test(context: TestContext) {
      const both = await comparison(context)
      if (name === 'random requests') console.log(`    --seed ${context.seed}`)
      const differences = []
      for (const scenario of scenarios(context.seed)) differences.push(...(await both.run(scenario)))
      areasDone += 1
      if (differences.length === 0) return
      console.log(describeDifferences(differences).replace(/^/gm, '    '))
      throw new Error(differencesOf(differences))
    },
  })),
  {
    name: 'every API and version that is advertised has been compared, and everything expected was seen',
    ci: false,
    timeLimitMs,
    async test(context) {
      const both = await comparison(context)
      console.log(table(both).replace(/^/gm, '    '))
      // Kafka, held against itself, serves much that Ottla does not, and differs in nothing.
      if (await both.isOfKafkaAlone()) return
      const missing = withoutCase(both)
      const isWhole = areasDone === areas.length
      const unseen = isWhole ? both.unseenPairs() : []
      const needless = isWhole ? both.needlessSets() : []
      const problems = [
        ...missing.map(apiAndVersion => `${apiAndVersion} has no case`),
        ...unseen.map(pair => `expected, but not seen: ${JSON.stringify(pair)}`),
        ...needless.map(rule => `always in the same order: ${JSON.stringify(rule)}`),
      ]
      if (problems.length > 0) throw new Error(problems.join('\n'))
    },
  },
])

export async function finish(): Promise<void> {
  await controls.stop()
}
