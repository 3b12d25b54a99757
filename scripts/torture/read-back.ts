/**
 * Reads a whole topic with a client in another language than the one that wrote it: kcat (librdkafka, checking
 * CRCs) where it is installed, else Kafka's own console consumer. Gives every record, each partition's in order,
 * and resolves with the name of whoever read. Where neither is to be had kafkajs reads, which is not the same
 * proof, and the answer says so.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import kafkajs from 'kafkajs'
import { ApacheKafkaUnavailable, spawnKafkaTool } from '../apache-kafka.ts'
import type { ReadRecord } from './record-ledger.ts'

export interface Reader {
  readonly name: string
  readonly isOfAnotherLanguage: boolean
}

type Take = (record: ReadRecord) => void

/** `ends` are the partitions' log ends: how many records there are to read, as nothing was deleted. */
export async function readBack(
  bootstrap: string,
  topic: string,
  ends: Map<number, number>,
  take: Take,
): Promise<Reader> {
  if (await readWithKcat(bootstrap, topic, take)) return { name: 'kcat', isOfAnotherLanguage: true }
  if (await readWithConsoleConsumer(bootstrap, topic, ends, take)) {
    return { name: 'kafka-console-consumer', isOfAnotherLanguage: true }
  }
  await readWithKafkajs(bootstrap, topic, ends, take)
  return { name: 'kafkajs', isOfAnotherLanguage: false }
}

/** false: there is no kcat. */
async function readWithKcat(bootstrap: string, topic: string, take: Take): Promise<boolean> {
  const options = ['-C', '-q', '-e', '-b', bootstrap, '-t', topic, '-o', 'beginning', '-X', 'check.crcs=true']
  const child = spawn('kcat', [...options, '-f', '%p %o %s\n'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = outcome(child)
  await takeLines(child.stdout, /^(\d+) (\d+) (.*)$/, take)
  const { code, stderr } = await ended
  if (code === 'ENOENT') return false
  if (code !== 0) throw new Error(`kcat failed (${code}): ${stderr}`)
  return true
}

/** false: there is no Java, or no Kafka. */
async function readWithConsoleConsumer(
  bootstrap: string,
  topic: string,
  ends: Map<number, number>,
  take: Take,
): Promise<boolean> {
  const properties = ['print.partition=true', 'print.offset=true']
  try {
    const child = await spawnKafkaTool('org.apache.kafka.tools.consumer.ConsoleConsumer', [
      '--bootstrap-server',
      bootstrap,
      '--topic',
      topic,
      '--from-beginning',
      '--max-messages',
      String(total(ends)),
      '--timeout-ms',
      '20000',
      ...properties.flatMap(property => ['--formatter-property', property]),
    ])
    const ended = outcome(child)
    await takeLines(child.stdout!, /^Partition:(\d+)\tOffset:(\d+)\t(.*)$/, take)
    await ended
    return true
  } catch (error) {
    if (error instanceof ApacheKafkaUnavailable) return false
    throw error
  }
}

async function readWithKafkajs(
  bootstrap: string,
  topic: string,
  ends: Map<number, number>,
  take: Take,
): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const consumer = client.consumer({ groupId: `read-back-${Date.now()}` })
  const missing = new Map([...ends].filter(([, end]) => end > 0))
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>(resolve => {
    const timer = setTimeout(resolve, 120_000)
    void consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const offset = Number(message.offset)
        take({ partition, offset, value: message.value?.toString() ?? '' })
        if (offset + 1 >= (missing.get(partition) ?? 0)) missing.delete(partition)
        if (missing.size > 0) return
        clearTimeout(timer)
        resolve()
      },
    })
  })
  await consumer.disconnect()
}

export async function takeLines(stream: Readable, pattern: RegExp, take: Take): Promise<void> {
  for await (const line of createInterface({ input: stream })) {
    const match = line.match(pattern)
    // Whatever is not a record is printed by the tool about itself; a missing record is found by the checker.
    if (match !== null) take({ partition: Number(match[1]), offset: Number(match[2]), value: match[3]! })
  }
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
