/**
 * `ottla produce`: records from the command line or, line by line, from stdin. What has been read leaves as soon as a
 * partition has nothing in flight, so a person sees each line go and a pipe fills batches. Reading waits while more
 * is under way than memory should hold.
 */
import { addAbortSignal } from 'node:stream'
import { type Command, Option } from 'commander'
import type { RecordToBuild } from '../../protocol-codecs/build-batch.ts'
import {
  type CompressionName,
  compressionNames,
} from '../../protocol-codecs/compression/compression-names.ts'
import { ClientError } from '../client/client-error.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { type Acks, type ProducedRange, RecordProducer } from '../client/record-producer.ts'
import { topicsByName } from '../client/topic-metadata.ts'
import {
  type ClientFlags,
  collectEntry,
  newCommand,
  UsageError,
  wholeNumber,
  withClient,
  withClientFlags,
} from './command-line.ts'
import { linesOf } from './input-lines.ts'
import { interruption } from './interruption.ts'
import { printJson, printLine, remark } from './output.ts'
import { RecordJsonError, recordFromJson } from './record-json.ts'

interface ProduceFlags extends ClientFlags {
  readonly key?: string
  readonly keySeparator?: string
  readonly header?: readonly { name: string; value: string }[]
  readonly partition?: number
  readonly compression: CompressionName
  readonly acks: string
  readonly input: 'lines' | 'json'
}

const acksByName: Readonly<Record<string, Acks>> = { '0': 0, '1': 1, all: -1, '-1': -1 }

export function produceCommand(): Command {
  return withClientFlags(
    newCommand('produce', 'Produce records to a topic, from the command line or from the lines of stdin.')
      .argument('<topic>')
      .argument('[value...]', 'values of records (default: the lines of stdin)'),
    `
ottla produce greetings hello
ottla produce orders --key customer-7 --header trace=abc '{"amount":3}'
cat events.csv | ottla produce events --key-separator , --compression zstd
ottla consume orders --json | ottla produce copy --input json`,
  )
    .option('--key <key>', 'the key of all records')
    .option('--key-separator <text>', 'what separates key from value in a line; a line without it has no key')
    .option('--header <name=value>', 'a header of all records; may be repeated', collectEntry)
    .option('--partition <number>', 'to this partition (default: by the key, as Kafka does)', wholeNumber(0))
    .addOption(
      new Option('--compression <codec>', 'compress batches').choices(compressionNames).default('none'),
    )
    .addOption(
      new Option('--acks <acks>', 'what to wait for; all is idempotent')
        .choices(Object.keys(acksByName))
        .default('all'),
    )
    .addOption(
      new Option(
        '--input <format>',
        'a value in each line, or a record as JSON (as consume --json prints it)',
      )
        .choices(['lines', 'json'])
        .default('lines'),
    )
    .action((topic: string, values: string[], flags: ProduceFlags) =>
      withClient(flags, client => produce(client, topic, values, flags)),
    )
}

async function produce(
  client: ClusterClient,
  topic: string,
  values: readonly string[],
  flags: ProduceFlags,
): Promise<void> {
  checkFlags(flags)
  const [found] = await topicsByName(client, [topic], { create: true })
  const ending = interruption()
  const producer = await RecordProducer.open(client, found!, {
    acks: acksByName[flags.acks]!,
    compression: flags.compression,
    onFailure: () => ending.abort(),
  })
  const read = recordParser(flags)
  let failure: unknown
  try {
    for (const [index, value] of values.entries()) add(producer, read(Buffer.from(value), index + 1))
    if (values.length === 0) await addLines(producer, read, ending.signal)
  } catch (error) {
    failure = error
  }
  // What was accepted before a bad line still arrives.
  try {
    await producer.finish()
  } catch (error) {
    failure ??= error
  }
  const produced = producer.produced()
  if (failure !== undefined) {
    const count = recordsIn(produced)
    if (count > 0) remark(`Before that, ${counted(count)} had been produced to topic ${topic}.`)
    throw failure
  }
  await show(topic, produced, flags)
}

function checkFlags({ key, keySeparator, input }: ProduceFlags): void {
  if (keySeparator === '') throw new UsageError('--key-separator must not be empty.')
  if (key !== undefined && keySeparator !== undefined) {
    throw new UsageError('--key and --key-separator say the same thing: give one of them.')
  }
  if (input === 'json' && (key !== undefined || keySeparator !== undefined)) {
    throw new UsageError('With --input json the key is in the record: leave --key and --key-separator out.')
  }
}

/** Until the end of the input, or until `signal` says that there is no point in more of it. */
async function addLines(producer: RecordProducer, read: RecordParser, signal: AbortSignal): Promise<void> {
  const { stdin } = process
  if (stdin.isTTY) remark('Each line becomes a record; Ctrl-D ends.')
  let line = 0
  try {
    for await (const lines of linesOf(addAbortSignal(signal, stdin))) {
      for (const text of lines) add(producer, read(text, ++line))
      producer.send()
      await producer.room()
    }
  } catch (error) {
    if (!signal.aborted || (error as Error).name !== 'AbortError') throw error
  }
}

type RecordParser = (text: Buffer, line: number) => RecordToBuild & { partition?: number }

function recordParser({ key, keySeparator, header = [], partition, input }: ProduceFlags): RecordParser {
  const headers = header.map(({ name, value }) => ({ key: name, value: Buffer.from(value) }))
  const keyOfAll = key === undefined ? null : Buffer.from(key)
  const separator = keySeparator === undefined ? undefined : Buffer.from(keySeparator)
  if (input === 'json') {
    return (text, line) => {
      try {
        const record = recordFromJson(text.toString('utf8'))
        const own = record.headers ?? []
        return { ...record, headers: [...own, ...headers], partition: partition ?? record.partition }
      } catch (error) {
        if (!(error instanceof RecordJsonError)) throw error
        throw new ClientError('INVALID_RECORD', `Line ${line} is no record: ${error.message}.`)
      }
    }
  }
  return text => {
    const at = separator === undefined ? -1 : text.indexOf(separator)
    if (at < 0) return { key: keyOfAll, value: text, headers, partition }
    return { key: text.subarray(0, at), value: text.subarray(at + separator!.length), headers, partition }
  }
}

function add(producer: RecordProducer, { partition, ...record }: ReturnType<RecordParser>): void {
  producer.add({ ...record, timestamp: record.timestamp ?? Date.now() }, partition)
}

function recordsIn(produced: readonly ProducedRange[]): number {
  return produced.reduce((sum, { recordCount }) => sum + recordCount, 0)
}

function counted(count: number): string {
  return count === 1 ? '1 record' : `${count} records`
}

async function show(
  topic: string,
  produced: readonly ProducedRange[],
  { json }: ProduceFlags,
): Promise<void> {
  const recordCount = recordsIn(produced)
  if (json) return printJson({ topic, recordCount, partitions: produced })
  const places = produced.map(({ partition, firstOffset, lastOffset, recordCount }) => {
    if (firstOffset < 0) return `partition ${partition} (${counted(recordCount)}, not acknowledged)`
    return `partition ${partition} at ${firstOffset === lastOffset ? firstOffset : `${firstOffset}-${lastOffset}`}`
  })
  await printLine(
    `Produced ${counted(recordCount)} to topic ${topic}${places.length > 0 ? ': ' : ''}${places.join(', ')}`,
  )
}
