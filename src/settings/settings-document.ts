/**
 * The tables as documentation: the few settings in `ottla --help`, all of them as text for `ottla settings`, and as
 * Markdown for docs/settings.md, which `scripts/settings-doc.ts` writes.
 */
import { type BrokerSettingName, brokerSettingTable, brokerSettingThemes } from './broker-settings.ts'
import { format, type Setting } from './setting.ts'
import { type TopicSetting, topicSettingTable } from './topic-settings.ts'

const mostUsed: readonly BrokerSettingName[] = [
  'listeners',
  'advertised.listeners',
  'log.dirs',
  'node.id',
  'num.partitions',
  'auto.create.topics.enable',
  'log.segment.bytes',
  'message.max.bytes',
  'write.caching.default',
  'group.initial.rebalance.delay.ms',
  'offsets.retention.minutes',
]

type Table = Readonly<Record<string, Setting>>

const width = 100

function wrap(text: string, indent: string): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && indent.length + line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.map(line => indent + line).join('\n')
}

function shownDefault(setting: Setting): string {
  const text = format(setting.default)
  if (text === null) return 'unset'
  return text === '' ? 'empty' : text
}

function publicSettings(table: Table): [string, Setting][] {
  return Object.entries(table)
    .filter(([, setting]) => setting.internal !== true)
    .sort(([left], [right]) => (left < right ? -1 : 1))
}

function shownDocumentation({ documentation, notYet }: Setting): string {
  return notYet === undefined ? documentation : `${documentation} No effect yet: ${notYet}.`
}

/** One line each: the name, the default and the first sentence of what it does. */
export function mostUsedSettings(): string {
  const rows = mostUsed.map(name => {
    const setting: Setting = brokerSettingTable[name]
    const sentence = setting.documentation.split(/(?<=[.;]) /)[0] ?? ''
    return { name: `${name}=${shownDefault(setting)}`, sentence }
  })
  const column = Math.max(...rows.map(({ name }) => name.length))
  return rows
    .map(({ name, sentence }) => `  ${name.padEnd(column)}  ${sentence.replace(/;$/, '.')}\n`)
    .join('')
}

function asText([name, setting]: [string, Setting]): string {
  const facts = [
    setting.type,
    `default ${shownDefault(setting)}`,
    ...(setting.allowed === undefined ? [] : [`allowed ${setting.allowed}`]),
  ]
  return `${name}  (${facts.join('; ')})\n${wrap(shownDocumentation(setting), '    ')}\n`
}

export function settingsAsText(): string {
  const sections = brokerSettingThemes.map(
    ({ title, table }) => `${title.toUpperCase()}\n\n${publicSettings(table).map(asText).join('\n')}`,
  )
  const topics = publicSettings(topicSettingTable).map(asText).join('\n')
  return `${[...sections, `TOPIC CONFIGURATIONS\n\n${topics}`].join('\n')}`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/__\w+/g, name => `\`${name}\``)
}

function markdownRow(name: string, setting: Setting, lastCell: string): string {
  const allowed = setting.allowed ?? ''
  const cells = [
    `\`${name}\`${setting.ours ? ' (Ottla)' : ''}`,
    setting.type,
    `\`${shownDefault(setting)}\``,
    cell(allowed),
    lastCell,
    cell(shownDocumentation(setting)),
  ]
  return `| ${cells.join(' | ')} |\n`
}

function markdownTable(lastHeading: string, rows: readonly string[]): string {
  const headings = ['Setting', 'Type', 'Default', 'Allowed', lastHeading, 'What it does']
  return `| ${headings.join(' | ')} |\n|${' --- |'.repeat(headings.length)}\n${rows.join('')}`
}

const introduction = `# Settings

This page is generated from the tables in \`src/settings\`; \`ottla settings\` prints the same.

Names, types and defaults are those of Apache Kafka 4.4 unless a row says otherwise; settings marked (Ottla) are our
own. A broker's settings come from four places, the first that has a setting counting:

1. flags: \`ottla start --override key=value\`, repeatable
2. environment variables as in the apache/kafka image: \`KAFKA_\` and the name in upper case with \`_\` for \`.\`, \`__\`
   for \`_\` and \`___\` for \`-\`, so \`KAFKA_LOG_RETENTION_HOURS\` is \`log.retention.hours\`. Bitnami's \`KAFKA_CFG_\` prefix
   is understood too, and \`CLUSTER_ID\` is \`cluster.id\`. If \`KAFKA_ADVERTISED_LISTENERS\` is set and \`KAFKA_LISTENERS\` is
   not, the broker listens on the advertised ports on every interface.
3. a properties file: \`ottla start --config server.properties\`, read as UTF-8
4. the defaults below

A bad value stops the start with a sentence that says what is allowed. An unknown setting is ignored with a warning.
Kafka's settings that have no meaning in Ottla, or none yet, are ignored with a message that says why; only
\`authorizer.class.name\` stops the start, since ignoring it would leave open what was meant to be closed.

In the tables, *Changes* says when a setting may change: *read-only* ones at a start, *cluster-wide* ones also while the
broker runs, as with \`kafka-configs --alter --entity-type brokers\`. What is set so, for one broker or for all, is kept
in the data directory and counts before all four places. \`9223372036854775807\` is the largest 64-bit number and
stands for "never" or "no bound".
`

export function settingsAsMarkdown(): string {
  const broker = brokerSettingThemes.map(({ title, table }) => {
    const rows = publicSettings(table).map(([name, setting]) => markdownRow(name, setting, setting.dynamic))
    return `\n## ${title}\n\n${markdownTable('Changes', rows)}`
  })
  const topicTable: Readonly<Record<string, TopicSetting>> = topicSettingTable
  const topics = publicSettings(topicTable).map(([name, setting]) => {
    const synonyms = (setting as TopicSetting).synonyms.map(synonym => `\`${synonym.setting}\``).join(', ')
    return markdownRow(name, setting, synonyms)
  })
  const topicIntroduction =
    '\n## Topic configurations\n\nSet on a topic, these count before what the broker supplies: *Default from* names ' +
    "the broker's\nsettings, the first that is set counting.\n\n"
  return introduction + broker.join('') + topicIntroduction + markdownTable('Default from', topics)
}
