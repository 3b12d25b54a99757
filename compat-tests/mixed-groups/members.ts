/**
 * The kinds of members: kafkajs, the Java client, and librdkafka as kcat has it. Each is a process of its own whose client
 * id stands for it in the group, because kcat does not tell the id that it has there.
 */
import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { ApacheKafkaUnavailable, installApacheKafkaTools } from '../../scripts/apache-kafka.ts'
import { Skipped } from '../capability.ts'
import { succeeds } from '../debian-packages.ts'
import { prepareKcat } from '../kcat/kcat.ts'
import { sessionTimeoutMs } from '../member-process.ts'
import { commandProgram, memberOf, type StartMember } from '../member-programs.ts'

export const kinds = ['kafkajs', 'java', 'kcat'] as const
export type Kind = (typeof kinds)[number]

const source = join('compat-tests', 'mixed-groups', 'GroupMember.java')
const classes = resolve('.cache', 'mixed-groups')

/** The Java client's classes for the names on the wire. */
const javaAssignors: Record<string, string> = {
  range: 'org.apache.kafka.clients.consumer.RangeAssignor',
  roundrobin: 'org.apache.kafka.clients.consumer.RoundRobinAssignor',
  'cooperative-sticky': 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor',
}

let javaClassPath = ''

/** Brings what the members are made of, or says what is missing: a group of one kind would not be mixed. */
export async function prepareMembers(): Promise<void> {
  await prepareKcat()
  let home: string
  try {
    home = await installApacheKafkaTools()
  } catch (error) {
    if (error instanceof ApacheKafkaUnavailable) throw new Skipped(error.message)
    throw error
  }
  const libraries = join(home, 'libs', '*')
  await mkdir(classes, { recursive: true })
  if (!(await succeeds('javac', ['-version']))) throw new Skipped('there is no javac on the PATH')
  if (!(await succeeds('javac', ['-d', classes, '-cp', libraries, source])))
    throw new Error(`javac does not compile ${source}`)
  javaClassPath = `${classes}:${libraries}`
}

let clientsNamed = 0

function clientIdOf(kind: Kind): string {
  return `member-${kind}-${process.pid}-${++clientsNamed}`
}

const startJava = commandProgram('java', ({ bootstrap, groupId, topic, assignor = 'range' }) => [
  ...['-Xmx128M', '-XX:TieredStopAtLevel=1', '-cp', javaClassPath, 'GroupMember'],
  ...[bootstrap, groupId, topic, javaAssignors[assignor]!, clientIdOf('java')],
])

const startKcat: StartMember = (context, { bootstrap, groupId, topic, assignor = 'range' }, tell) => {
  const clientId = clientIdOf('kcat')
  const settings = [
    `client.id=${clientId}`,
    `partition.assignment.strategy=${assignor}`,
    `session.timeout.ms=${sessionTimeoutMs}`,
    'heartbeat.interval.ms=200',
    'auto.offset.reset=earliest',
    'auto.commit.interval.ms=200',
    'fetch.wait.max.ms=100',
    'topic.metadata.refresh.interval.ms=1000',
  ]
  const options = settings.flatMap(setting => ['-X', setting])
  const child = spawn('kcat', ['-b', bootstrap, '-G', groupId, ...options, '-u', '-f', '%p %o %s\\n', topic])
  const owned = new Set<number>()
  createInterface({ input: child.stdout }).on('line', line => {
    const [, partition, offset, value] = /^(\d+) (\d+) (.*)$/.exec(line) ?? []
    tell({ event: 'record', partition: Number(partition), offset: Number(offset), value: value! })
  })
  createInterface({ input: child.stderr }).on('line', line => {
    if (!/Reached end/.test(line)) tell({ event: 'log', line })
    if (!followsRebalance(owned, line)) return
    tell({ event: 'joined', memberId: clientId, partitions: [...owned].sort((a, b) => a - b) })
  })
  return memberOf(context, child, () => void child.kill('SIGTERM'))
}

export const programs: Record<Kind, URL | StartMember> = {
  kafkajs: new URL('./kafkajs-member.js', import.meta.url),
  java: startJava,
  kcat: startKcat,
}

/** Follows what kcat says of a rebalance, eager or incremental; true when it has been assigned something. */
function followsRebalance(owned: Set<number>, line: string): boolean {
  if (!/ rebalanced\b/.test(line)) return false
  const partitions = [...line.matchAll(/\[(\d+)\]/g)].map(([, partition]) => Number(partition))
  if (/: assigned/.test(line)) {
    owned.clear()
    for (const partition of partitions) owned.add(partition)
    return true
  }
  if (/incremental assignment/.test(line)) {
    for (const partition of partitions) owned.add(partition)
    return true
  }
  if (/incremental revoke/.test(line)) for (const partition of partitions) owned.delete(partition)
  else if (/: revoked/.test(line)) owned.clear()
  return false
}
