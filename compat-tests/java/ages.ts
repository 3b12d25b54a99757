/**
 * The ages of kafka-clients that are tried, and what each of them has: one for each step in which the client, or
 * what it speaks on the wire, became another one.
 */
import { join } from 'node:path'
import { type JavaProgram, javaProgram } from '../java-program.ts'

export interface Age {
  version: string
  compressions: string[]
  /** Assignors by their names on the wire and in Java. */
  assignors: Record<string, string>
  /** Whether the admin client replaces configurations, changes single ones, knows groups, deletes records. */
  replacesConfigs: boolean
  altersConfigs: boolean
  deletesRecords: boolean
  managesGroups: boolean
  /** Whether it describes configurations in a version that tells defaults from what was set. */
  tellsDefaults: boolean
}

const assignor = (name: string) => `org.apache.kafka.clients.consumer.${name}Assignor`

const firstCompressions = ['none', 'gzip', 'snappy', 'lz4']
const firstAssignors = {
  range: assignor('Range'),
  roundrobin: assignor('RoundRobin'),
  sticky: assignor('Sticky'),
}
const allCompressions = [...firstCompressions, 'zstd']
const allAssignors = { ...firstAssignors, 'cooperative-sticky': assignor('CooperativeSticky') }

/** The newest first: of what it shows, the others show the difference. */
export const ages: Age[] = [
  // Topic ids everywhere.
  {
    version: '4.4.0',
    compressions: allCompressions,
    assignors: allAssignors,
    replacesConfigs: false,
    altersConfigs: true,
    deletesRecords: true,
    managesGroups: true,
    tellsDefaults: true,
  },
  // Topic ids in Fetch; the last that speaks what 4.0 removed.
  {
    version: '3.9.2',
    compressions: allCompressions,
    assignors: allAssignors,
    replacesConfigs: true,
    altersConfigs: true,
    deletesRecords: true,
    managesGroups: true,
    tellsDefaults: true,
  },
  // Flexible versions, zstd, static members, cooperative rebalances; the last before idempotence was the default.
  {
    version: '2.8.2',
    compressions: allCompressions,
    assignors: allAssignors,
    replacesConfigs: true,
    altersConfigs: true,
    deletesRecords: true,
    managesGroups: true,
    tellsDefaults: true,
  },
  // Incremental fetch sessions, and an admin client that deletes records.
  {
    version: '1.1.1',
    compressions: firstCompressions,
    assignors: firstAssignors,
    replacesConfigs: true,
    altersConfigs: false,
    deletesRecords: true,
    managesGroups: false,
    tellsDefaults: true,
  },
  // Headers, record batches of magic 2 and idempotence are new, and so is the admin client.
  {
    version: '0.11.0.3',
    compressions: firstCompressions,
    assignors: firstAssignors,
    replacesConfigs: true,
    altersConfigs: false,
    deletesRecords: false,
    managesGroups: false,
    tellsDefaults: false,
  },
]

/** The driver, compiled against this age: with the commands for which it has the classes. */
export function driverProgram(age: Age): Promise<JavaProgram> {
  const classes = [
    ...['Driver', 'Fields', 'Reply', 'Clients', 'ProducerCommands', 'ConsumerCommands', 'TopicCommands'],
    ...(age.replacesConfigs ? ['ReplacingConfigCommands'] : []),
    ...(age.deletesRecords ? ['RecordCommands'] : []),
    ...(age.managesGroups ? ['GroupCommands'] : []),
  ]
  return javaProgram({
    name: `clients-${age.version}`,
    artifacts: [['org.apache.kafka', 'kafka-clients', age.version]],
    sources: classes.map(name => join('compat-tests', 'java', 'driver', `${name}.java`)),
    mainClass: 'Driver',
  })
}
