/**
 * Holds two transcripts of a scenario against each other, field by field. Before that each is written in terms in
 * which two brokers can agree, by the rules of `exceptions.ts`: an id becomes a number by its first appearance in the
 * transcript, so that the same id must stay the same; a time becomes "a time". Records are decoded.
 */
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { recordsOf } from '../../protocol-codecs/read-records.ts'
import {
  batchAttributes,
  batchBaseOffset,
  batchBaseSequence,
  batchCrcIsValid,
  batchHeaderSize,
  batchLastOffset,
  batchLeaderEpoch,
  batchMagic,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
  batchTimestampType,
  wholeBatchSize,
} from '../../protocol-codecs/record-batch.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import type { Exception } from './exceptions.ts'
import { messagesOf } from './message-sets.ts'
import type { PlayedStep } from './play.ts'

export interface Difference {
  readonly step: string
  readonly api: string
  readonly version: number
  /** Where in the answer; indexes of arrays are in it. */
  readonly path: string
  readonly kafka: string
  readonly ottla: string
}

export interface ComparedStep {
  readonly api: string
  readonly version: number
}

export interface Compared {
  readonly compared: ComparedStep[]
  readonly differences: Difference[]
  /** Sets whose order differed: without their exceptions these would be differences. */
  readonly reordered: Set<Exception>
}

export function compareTranscripts(
  kafka: readonly PlayedStep[],
  ottla: readonly PlayedStep[],
  exceptions: readonly Exception[],
  prefix: string,
): Compared {
  const differences: Difference[] = []
  const compared: ComparedStep[] = []
  const kafkaTerms = new Terms(exceptions)
  const ottlaTerms = new Terms(exceptions)
  const labels = [...new Set([...kafka, ...ottla].map(step => step.label))]
  for (const label of labels) {
    const theirs = kafka.find(step => step.label === label)
    const ours = ottla.find(step => step.label === label)
    const { api = '', version } = (theirs ?? ours)!
    // Without what sets the names of a round apart, so that the rounds can be told together.
    const told = (value: unknown, path: string) => show(value, path).replaceAll(`${prefix}-`, '')
    const report = (path: string, a: unknown, b: unknown) =>
      differences.push({ step: label, api, version, path, kafka: told(a, path), ottla: told(b, path) })
    if (theirs === undefined || ours === undefined) {
      report('', theirs?.outcome.kind ?? 'not sent', ours?.outcome.kind ?? 'not sent')
      continue
    }
    if (theirs.outcome.kind !== ours.outcome.kind) {
      report('', theirs.outcome.kind, ours.outcome.kind)
      if (api !== '') compared.push({ api, version })
      continue
    }
    if (api !== '') compared.push({ api, version })
    walk(kafkaTerms.outcome(theirs), ottlaTerms.outcome(ours), '', report)
  }
  return { compared, differences, reordered: reorderedIn(kafkaTerms, ottlaTerms) }
}

function reorderedIn({ orders: theirs }: Terms, { orders: ours }: Terms): Set<Exception> {
  const reordered = new Set<Exception>()
  for (const [place, { rule, names }] of theirs) {
    const other = ours.get(place)?.names
    if (other !== undefined && other !== names) reordered.add(rule)
  }
  return reordered
}

/** One transcript's way of naming what is excepted. */
class Terms {
  private readonly exceptions: readonly Exception[]
  private readonly ids = new Map<string, Map<string, string>>()
  /** In which order the items of sets came, by step and path. */
  readonly orders = new Map<string, { readonly rule: Exception; readonly names: string }>()

  constructor(exceptions: readonly Exception[]) {
    this.exceptions = exceptions
  }

  outcome(step: PlayedStep): unknown {
    const { outcome } = step
    switch (outcome.kind) {
      case 'answer':
        return this.value(outcome.value, step, '')
      case 'frame':
        return `a frame: ${outcome.bytes.subarray(4).toString('hex')}`
      case 'unreadable':
        return `unreadable (${outcome.reason}): ${outcome.bytes.toString('hex')}`
      default:
        return outcome.kind
    }
  }

  private value(value: unknown, step: PlayedStep, path: string): unknown {
    const rule = this.exceptions.find(
      ({ api, field }) => (api === undefined || api === step.api) && matches(field, path),
    )
    if (rule?.as === 'id') return this.id(value, rule.of ?? rule.field)
    if (rule?.as === 'time') return isNone(value) ? value : '<a time>'
    if (rule?.as === 'address') return isNone(value) ? value : '<an address>'
    if (rule?.as === 'words') return value === null ? null : '<words>'
    if (rule?.as === 'amount') return isNone(value) ? value : '<an amount>'
    if (Buffer.isBuffer(value)) {
      return path.endsWith('.records') ? this.records(value, step, path) : value.toString('hex')
    }
    if (Array.isArray(value)) {
      const items = rule?.as === 'members' ? sortedMembers(value) : value
      const sorted = rule?.as === 'set' ? this.sorted(items, rule, `${step.label}${path}`) : items
      return sorted.map(item => this.value(item, step, `${path}.*`))
    }
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, this.value(item, step, `${path}.${name}`)]),
    )
  }

  /** By what items are called, and of two that are called nothing by what they say. */
  private sorted(items: readonly unknown[], rule: Exception, place: string): unknown[] {
    const keys = new Map(
      items.map(item => {
        const known = this.withKnownId(item)
        return [item, [nameOf(known), text(unordered(known))]] as const
      }),
    )
    const came = [...keys.values()]
    this.orders.set(this.unusedPlace(place), { rule, names: text(came) })
    const compare = (a: readonly string[], b: readonly string[]) =>
      compareText(a[0]!, b[0]!) || compareText(a[1]!, b[1]!)
    return [...items].sort((a, b) => compare(keys.get(a)!, keys.get(b)!))
  }

  /** The same path leads to a list of each of several items. */
  private unusedPlace(place: string): string {
    let index = 0
    while (this.orders.has(`${place} ${index}`)) index++
    return `${place} ${index}`
  }

  /** An item that is told by the id of its topic is called as that was called before: ids themselves have no order. */
  private withKnownId(item: unknown): unknown {
    if (!isStructure(item) || item.topicId === undefined || isNone(item.topicId)) return item
    return { ...item, topicId: this.ids.get('topicId')?.get(text(item.topicId)) ?? '' }
  }

  /** Each kind is counted for itself, so that one that only one broker gave changes no other. */
  private id(value: unknown, kind: string): unknown {
    if (isNone(value)) return value
    const ids = this.ids.get(kind) ?? new Map<string, string>()
    this.ids.set(kind, ids)
    const key = text(value)
    const id = ids.get(key) ?? `<${kind} ${ids.size + 1}>`
    ids.set(key, id)
    return id
  }

  /** What batches and messages hold, and their bytes where they cannot be read. */
  private records(bytes: Buffer, step: PlayedStep, path: string): unknown {
    const sets: unknown[] = []
    let at = 0
    while (isWholeBatch(bytes, at)) {
      const hasAppendTime = batchTimestampType(bytes, at) === 'LogAppendTime'
      const time = (value: number) => (hasAppendTime ? '<a time>' : value)
      sets.push({
        baseOffset: batchBaseOffset(bytes, at),
        leaderEpoch: batchLeaderEpoch(bytes, at),
        attributes: batchAttributes(bytes, at),
        lastOffset: batchLastOffset(bytes, at),
        producerId: this.value(BigInt(batchProducerId(bytes, at)), step, `${path}.producerId`),
        producerEpoch: batchProducerEpoch(bytes, at),
        baseSequence: batchBaseSequence(bytes, at),
        maxTimestamp: time(batchMaxTimestamp(bytes, at)),
        crcIsValid: batchCrcIsValid(bytes, at),
        records: [...recordsOf(bytes, at)].map(record => ({
          offset: record.offset,
          timestamp: time(record.timestamp),
          key: record.key?.toString('hex') ?? null,
          value: record.value?.toString('hex') ?? null,
          headers: record.headers.map(({ key, value }) => [key, value?.toString('hex') ?? null]),
        })),
      })
      at += wholeBatchSize(bytes, at)
    }
    return [...sets, ...messagesOf(bytes.subarray(at))]
  }
}

/** Not a message of an older format, and not a part of a batch. */
function isWholeBatch(bytes: Buffer, at: number): boolean {
  return bytes.length - at >= batchHeaderSize && batchMagic(bytes, at) === 2 && wholeBatchSize(bytes, at) > 0
}

/** Whether a path, with `*` for indexes, ends in that field or path. */
export function matches(field: string, path: string): boolean {
  return path.endsWith(`.${field}`)
}

/** What stands for nothing is compared as it is: none of these is an id, a time or an address. */
function isNone(value: unknown): boolean {
  return value === null || value === '' || value === -1 || value === -1n || value === 0 || value === zeroUuid
}

/** Members of a group, in an order that does not depend on their ids. */
function sortedMembers(members: readonly unknown[]): unknown[] {
  const key = (member: unknown) => {
    const { memberId: _, ...rest } = member as Record<string, unknown>
    return text(rest)
  }
  return [...members].sort((a, b) => compareText(key(a), key(b)))
}

/** Lists in an order of their own. */
function unordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(item => text(unordered(item))).sort()
  if (!isStructure(value) || Buffer.isBuffer(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, unordered(item)]))
}

/** What an item is called, or what it says where it is called nothing. */
function nameOf(item: unknown): string {
  if (!isStructure(item)) return text(item)
  const names = naming.map(field => item[field]).filter(name => name !== undefined)
  return names.length === 0 ? text(item) : text(names)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

type Report = (path: string, kafka: unknown, ottla: unknown) => void

function walk(a: unknown, b: unknown, path: string, report: Report): void {
  if (Array.isArray(a) && Array.isArray(b)) walkArrays(a, b, path, report)
  else if (isStructure(a) && isStructure(b)) {
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      walk(a[name], b[name], `${path}.${name}`, report)
    }
  } else if (!Object.is(a, b)) report(path, a, b)
}

/** By place; but where something with a name is missing, what it is called, and what is left by name. */
function walkArrays(a: readonly unknown[], b: readonly unknown[], path: string, report: Report): void {
  const [theirs, ours] = [namesOf(a), namesOf(b)]
  if (theirs === undefined || ours === undefined || theirs.join() === ours.join()) {
    if (a.length !== b.length) report(`${path}.length`, a.length, b.length)
    for (let index = 0; index < Math.min(a.length, b.length); index++) {
      walk(a[index], b[index], `${path}.${index}`, report)
    }
    return
  }
  const without = (names: string[], others: string[]) => names.filter(name => !others.includes(name))
  const [theirsAlone, oursAlone] = [without(theirs, ours), without(ours, theirs)]
  if (theirsAlone.length + oursAlone.length > 0) report(`${path}.contents`, theirsAlone, oursAlone)
  const [inTheirOrder, inOurOrder] = [without(theirs, theirsAlone), without(ours, oursAlone)]
  if (inTheirOrder.join() !== inOurOrder.join()) report(`${path}.order`, inTheirOrder, inOurOrder)
  for (const name of inTheirOrder) {
    walk(a[theirs.indexOf(name)], b[ours.indexOf(name)], `${path}.${theirs.indexOf(name)}`, report)
  }
}

const naming = [
  'name',
  'topic',
  'groupId',
  'partitionIndex',
  'partition',
  'index',
  'apiKey',
  'key',
  'resourceName',
  'topicId',
]

/** What the items are called, if they all are called something, and each otherwise. */
function namesOf(items: readonly unknown[]): string[] | undefined {
  const names = items.map(item => {
    const field = isStructure(item) ? naming.find(field => item[field] !== undefined) : undefined
    return field === undefined ? undefined : text((item as Record<string, unknown>)[field])
  })
  if (names.includes(undefined) || new Set(names).size < names.length) return undefined
  return names as string[]
}

function isStructure(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function show(value: unknown, path: string): string {
  if (/errorCode$/.test(path) && typeof value === 'number') return errorName(value)
  return text(value)
}

export function text(value: unknown): string {
  return JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? `${item}n` : item)) ?? 'undefined'
}
