/**
 * `npm run check:vectors -- [PATH...]`: proves that the vectors cover every version of every request and response that a
 * broker's listener serves, and the edges of all their fields; that each is described here; and that nothing else is.
 * What Kafka has is read from the checked-in list, or from PATH: a file that gathers definitions (protocol.json), a
 * folder of Kafka's own JSON files, or jars of kafka-clients, the newest first. Then the two are compared as well.
 */

import { loadMessages, readVectors, type Vector } from '../../protocol-codecs/vectors/read-vectors.ts'
import { parseVersions } from '../../protocol-codecs/versions.ts'
import { edgesOf, edgesShown, type Facts, missing, versionsOf } from './coverage.ts'
import {
  checkedInDefinitions,
  type Definitions,
  definitionsOf,
  loadDefinitions,
  readReleases,
} from './message-definitions.ts'

export interface Finding {
  readonly title: string
  /** Of how many facts. */
  readonly count: number
  readonly missing: readonly string[]
}

/** The files of vectors that hold requests and responses. */
const files = ['java-requests', 'java-responses', 'kafkajs', 'platformatic']

/** Every comparison with what it found; all is well where nothing is missing. */
export async function checkVectors(definitions: Definitions): Promise<Finding[]> {
  const vectors = files.flatMap(file => readVectors(`${file}.jsonl.gz`))
  const wanted = versionsOf(definitions)
  const described = await describedVersions()
  const finding = (title: string, facts: Facts, shown: Facts): Finding => ({
    title,
    count: facts.size,
    missing: missing(facts, shown),
  })
  return [
    finding('messages x versions of Kafka that have vectors', wanted, versionsOfVectors(vectors)),
    finding('messages x versions of Kafka that are described', wanted, described),
    finding('messages x versions described that Kafka has', described, wanted),
    finding('edges of fields that vectors show', edgesOf(definitions), edgesShown(vectors, definitions)),
  ]
}

function versionsOfVectors(vectors: readonly Vector[]): Facts {
  return new Set(
    vectors
      .filter(({ message }) => isExchanged(message))
      .map(({ message, version }) => `${message} ${version}`),
  )
}

async function describedVersions(): Promise<Facts> {
  const facts: Facts = new Set()
  const messages = await loadMessages(new URL('../../protocol-codecs/messages/', import.meta.url))
  for (const { name, versions } of messages.values()) {
    if (!isExchanged(name)) continue
    const { first, last } = parseVersions(versions)
    for (let version = first; version <= last; version++) facts.add(`${name} ${version}`)
  }
  return facts
}

const isExchanged = (name: string): boolean => /(Request|Response)$/.test(name)

/** How another source of definitions differs from the checked-in list. */
export function compareDefinitions(other: Definitions): Finding[] {
  const [listed, given] = [loadDefinitions(checkedInDefinitions), other]
  const both: [string, Facts, Facts][] = [
    ['messages x versions given that the checked-in list has', versionsOf(given), versionsOf(listed)],
    ['messages x versions of the checked-in list that are given', versionsOf(listed), versionsOf(given)],
    ['edges of fields given that the checked-in list has', edgesOf(given), edgesOf(listed)],
    ['edges of fields of the checked-in list that are given', edgesOf(listed), edgesOf(given)],
  ]
  return both.map(([title, wanted, shown]) => ({
    title,
    count: wanted.size,
    missing: missing(wanted, shown),
  }))
}

const shownAtMost = 50

async function main(paths: string[]): Promise<number> {
  const definitions =
    paths.length === 0 ? loadDefinitions(checkedInDefinitions) : definitionsOf(paths.flatMap(readReleases))
  const findings = await checkVectors(definitions)
  if (paths.length > 0) findings.push(...compareDefinitions(definitions))
  for (const { title, count, missing } of findings) {
    console.log(`${count - missing.length} of ${count} ${title}`)
    for (const fact of missing.slice(0, shownAtMost)) console.log(`  not: ${fact}`)
    if (missing.length > shownAtMost) console.log(`  and ${missing.length - shownAtMost} more`)
  }
  const failed = findings.filter(({ missing }) => missing.length > 0).length
  console.log(`${findings.length - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

if (process.argv[1] === new URL(import.meta.url).pathname)
  process.exitCode = await main(process.argv.slice(2))
