/**
 * Reads a whole topic with a client that is not the one that wrote it: kcat (librdkafka, checking CRCs) when it
 * is there, else Kafka's own console consumer, else kafkajs. Resolves with every record in the order of its
 * partition, and with the name of whoever read.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import kafkajs from 'kafkajs'
import { ApacheKafkaUnavailable, spawnKafkaTool } from '../apache-kafka.ts'
import type { ReadRecord } from './record-ledger.ts'

export interface ReadBack {
  reader: string
  records: ReadRecord[]
}

/** `ends` are the partitions' log ends: how many records there are to read, as nothing was deleted. */
export async function readBack(
  bootstrap: string,
  topic: string,
  ends: Map<number, number>,
): Promise<ReadBack> {
  return (
    (await readWithKcat(bootstrap, topic)) ??
    (await readWithConsoleConsumer(bootstrap, topic, ends)) ??
    (await readWithKafkajs(bootstrap, topic, ends))
  )
}

async function readWithKcat(bootstrap: string, topic: string): Promise<ReadBack | undefined> {
  const options = ['-C', '-q', '-e', '-b', bootstrap, '-t', topic, '-o', 'beginning', '-X', 'check.crcs=true']
  const child = spawn('kcat', [...options, '-f', '%p %o %s\n'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = outcome(child)
  const records = await parseLines(child.stdout, /^(\d+) (\d+) (.*)$/)
  const { code, stderr } = await ended
  if (code === 'ENOENT') return undefined
  if (code !== 0) throw new Error(`kcat failed (${code}): ${stderr}`)
  return { reader: 'kcat', records }
}

async function readWithConsoleConsumer(
  bootstrap: string,
  topic: string,
  ends: Map<number, number>,
): Promise<ReadBack | undefined> {
  const count = total(ends)
  const properties = ['print.partition=true', 'print.offset=true']
  try {
    const child = await spawnKafkaTool('org.apache.kafka.tools.consumer.ConsoleConsumer', [
      '--bootstrap-server',
      bootstrap,
      '--topic',
      topic,
      '--from-beginning',
      '--max-messages',
      String(count),
      '--timeout-ms',
      '20000',
      ...properties.flatMap(property => ['--formatter-property', property]),
    ])
    const ended = outcome(child)
    const records = await parseLines(child.stdout!, /^Partition:(\d+)\tOffset:(\d+)\t(.*)$/)
    await ended
    return { reader: 'kafka-console-consumer', records }
  } catch (error) {
    if (error instanceof ApacheKafkaUnavailable) return undefined
    throw error
  }
}

async function readWithKafkajs(
  bootstrap: string,
  topic: string,
  ends: Map<number, number>,
): Promise<ReadBack> {
  const client = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const consumer = client.consumer({ groupId: `read-back-${Date.now()}` })
  const records: ReadRecord[] = []
  const missing = new Map([...ends].filter(([, end]) => end > 0))
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>(resolve => {
    const timer = setTimeout(resolve, 120_000)
    void consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const offset = Number(message.offset)
        records.push({ partition, offset, value: message.value?.toString() ?? '' })
        if (offset + 1 >= (missing.get(partition) ?? 0)) missing.delete(partition)
        if (missing.size > 0) return
        clearTimeout(timer)
        resolve()
      },
    })
  })
  await consumer.disconnect()
  return { reader: 'kafkajs', records }
}

async function parseLines(stream: Readable, pattern: RegExp): Promise<ReadRecord[]> {
  const records: ReadRecord[] = []
  for await (const line of createInterface({ input: stream })) {
    const match = line.match(pattern)
    // Whatever is not a record is printed by the tool about itself; a missing record is found by the checker.
    if (match !== null)
      records.push({ partition: Number(match[1]), offset: Number(match[2]), value: match[3]! })
  }
  return records
}

function outcome(child: ReturnType<typeof spawn>): Promise<{ code: number | string | null; stderr: string }> {
  return new Promise(resolve => {
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.once('error', (error: NodeJS.ErrnoException) => resolve({ code: error.code ?? 'error', stderr }))
    child.once('close', code => resolve({ code, stderr }))
  })
}

function total(ends: Map<number, number>): number {
  return [...ends.values()].reduce((sum, end) => sum + end, 0)
}
