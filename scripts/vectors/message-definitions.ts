/**
 * Kafka's own definitions of its requests and responses, as far as a broker's listener serves them: every version with
 * the fields that it has. They are read from what Kafka is built of, JSON files with comments (`common/message/*.json` in
 * its sources and in the jars of kafka-clients), or from one JSON file that gathers them (`messages`, and
 * `legacyMerged` with the versions that 4.0 removed).
 *
 * Several releases may be given, the newest first: a version is what the newest release says that has it. Older ones
 * only add versions to messages that the newest still has, and none that they called unstable.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export interface FieldDefinition {
  name: string
  type: string
  versions: string
  nullableVersions?: string
  taggedVersions?: string
  default?: unknown
  fields?: FieldDefinition[]
}

export interface MessageDefinition {
  name: string
  type: string
  apiKey: number
  listeners?: string[]
  validVersions: string
  flexibleVersions: string
  latestVersionUnstable?: boolean
  fields: FieldDefinition[]
  commonStructs?: { name: string; fields: FieldDefinition[] }[]
}

/** Definitions of one release, in its own order. */
export type Release = readonly MessageDefinition[]

/** By message and version. */
export type Definitions = ReadonlyMap<string, ReadonlyMap<number, MessageDefinition>>

/** The list that is checked in; `make.ts` says what it is made of. */
export const checkedInDefinitions = join('protocol-codecs', 'vectors', 'kafka-messages.json.gz')

export function loadDefinitions(path: string): Definitions {
  return definitionsOf(readReleases(path))
}

export function readReleases(path: string): Release[] {
  if (path.endsWith('.jar')) return [messagesInJar(path)]
  if (statSync(path).isDirectory()) return [messagesIn(readFolder(path))]
  const bytes = readFileSync(path)
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  const parsed = JSON.parse(text) as { releases?: Release[]; messages?: Release; legacyMerged?: Release }
  if (parsed.releases !== undefined) return parsed.releases
  if (parsed.messages === undefined) throw new Error(`${path} holds no messages`)
  return [parsed.messages, parsed.legacyMerged ?? []]
}

/** What brokers ask each other for, though a client's listener takes it: the state of share groups. */
const betweenBrokers = /^(Initialize|Read|Write|Delete)ShareGroupState/

/** What the releases say together of the messages that clients and administrators send to a broker's listener. */
export function definitionsOf([newest = [], ...older]: readonly Release[]): Definitions {
  const served = new Set(
    newest
      .filter(({ name, listeners }) => listeners?.includes('broker') && !betweenBrokers.test(name))
      .map(({ apiKey }) => apiKey),
  )
  const definitions = new Map<string, Map<number, MessageDefinition>>()
  for (const message of newest) {
    if (!isExchanged(message) || !served.has(message.apiKey)) continue
    definitions.set(message.name, new Map(versionsIn(message).map(version => [version, message])))
  }
  for (const release of older) {
    // Said of the request, and meant of both.
    const unstable = new Set(release.filter(one => one.latestVersionUnstable).map(({ apiKey }) => apiKey))
    for (const message of release) {
      const versions = definitions.get(message.name)
      if (versions === undefined) continue
      for (const version of versionsIn(message)) {
        const isUnstable = unstable.has(message.apiKey) && !holds(message.validVersions, version + 1)
        if (!versions.has(version) && !isUnstable) versions.set(version, message)
      }
    }
  }
  return definitions
}

const isExchanged = ({ type }: MessageDefinition): boolean => type === 'request' || type === 'response'

/** Whether Kafka's range, `3`, `0-4`, `2+` or `none`, holds a version; an absent one holds none. */
export function holds(range: string | undefined, version: number): boolean {
  const match = /^(\d+)(?:-(\d+)|(\+))?$/.exec(range ?? 'none')
  if (match === null) return false
  const [, first, last, isOpen] = match
  return version >= Number(first) && (isOpen !== undefined || version <= Number(last ?? first))
}

function versionsIn({ validVersions }: MessageDefinition): number[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(validVersions)
  if (match === null) return []
  const first = Number(match[1])
  return Array.from({ length: Number(match[2] ?? first) - first + 1 }, (_, index) => first + index)
}

/** The fields of a structure, wherever they are defined; undefined for other types. */
export function fieldsOf(message: MessageDefinition, field: FieldDefinition): FieldDefinition[] | undefined {
  const type = field.type.replace(/^\[\]/, '')
  if (field.fields !== undefined) return field.fields
  return message.commonStructs?.find(({ name }) => name === type)?.fields
}

function messagesIn(texts: Iterable<string>): Release {
  return [...texts].map(text => JSON.parse(withoutComments(text)) as MessageDefinition)
}

function* readFolder(folder: string): Iterable<string> {
  for (const name of readdirSync(folder).sort()) {
    if (name.endsWith('.json')) yield readFileSync(join(folder, name), 'utf8')
  }
}

/** Needs `unzip`: reading jars is for those who make or compare lists. */
function messagesInJar(jar: string): Release {
  const unzip = (...args: string[]) => {
    const { status, stdout, error } = spawnSync('unzip', args, { encoding: 'utf8', maxBuffer: 64 << 20 })
    if (status !== 0) throw new Error(`unzip ${args.join(' ')} failed: ${error?.message ?? status}`)
    return stdout
  }
  const names = unzip('-Z1', jar, 'common/message/*.json').trim().split('\n').sort()
  return messagesIn(names.map(name => unzip('-p', jar, name)))
}

/** Kafka's files have comments on lines of their own and at the ends of lines; no text in them holds `//`. */
function withoutComments(text: string): string {
  return text.replace(/\/\/.*$/gm, '')
}
