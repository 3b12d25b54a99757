#!/usr/bin/env node
/**
 * The `ottla` command: reads the command line and hands over. What only some commands need is imported when they run,
 * since the broker should be up in a blink. Runs as CommonJS (see thread-pool-size.ts, which must stay the first
 * import).
 */
import './thread-pool-size.ts'
import { Command, CommanderError, Option } from 'commander'
import { exitCodes } from './exit-codes.ts'
import { logLevels } from './platform/logger.ts'
import type { StartOptions } from './start-command.ts'
import { version } from './version.ts'

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}

const examples = `
Examples:
  ottla                                        listen on port 9092, keep data in ./data
  ottla start --config server.properties
  ottla start --override listeners=PLAINTEXT://127.0.0.1:0 --override log.dirs=/var/lib/ottla
  KAFKA_NUM_PARTITIONS=3 ottla
  ottla topic create orders --partitions 3     "ottla topic --help" has more; so have the other commands

Settings have Kafka's names. Flags come before KAFKA_* variables (as in the apache/kafka image), these before the
file, the file before defaults. "ottla settings" lists them all. Most used:
`

/** Commands that run no broker: they talk to one, or read what it wrote. What they need is imported when they run. */
const clientCommands: readonly ClientCommand[] = [
  {
    name: 'topic',
    description: 'list, create, describe, alter and delete topics',
    load: async () => (await import('./commands/topic.ts')).topicCommand(),
  },
  {
    name: 'group',
    description: 'list, describe and delete consumer groups, reset their offsets',
    load: async () => (await import('./commands/group.ts')).groupCommand(),
  },
  {
    name: 'produce',
    description: 'produce records from the command line or stdin',
    load: async () => (await import('./commands/produce.ts')).produceCommand(),
  },
  {
    name: 'consume',
    description: 'print the records of topics',
    load: async () => (await import('./commands/consume.ts')).consumeCommand(),
  },
  {
    name: 'cluster',
    description: 'show brokers, controller, features and API versions',
    load: async () => (await import('./commands/cluster.ts')).clusterCommand(),
  },
  {
    name: 'healthcheck',
    description: 'exit with 0 if a broker answers',
    load: async () => (await import('./commands/healthcheck.ts')).healthcheckCommand(),
  },
  {
    name: 'log',
    description: 'show, verify and repair the files of a data directory',
    load: async () => (await import('./log-tools/log-command.ts')).logCommand(),
  },
]

interface ClientCommand {
  readonly name: string
  readonly description: string
  load(): Promise<Command>
}

async function helpText(): Promise<string> {
  const { mostUsedSettings } = await import('./settings/settings-document.ts')
  return examples + mostUsedSettings()
}

function commandLine(help: string): Command {
  const program = new Command('ottla')
  const start = async () => {
    const { runBroker } = await import('./start-command.ts')
    await runBroker(program.opts<StartOptions>())
  }
  program
    .description('A Kafka-compatible broker in one process with one data directory.')
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showHelpAfterError('(ottla --help says what there is)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', help)
    .exitOverride()
    // On the program and not on `start`, so that a bare `ottla` takes them and shows them too.
    .addOption(
      new Option('--config <file>', 'read settings from a server.properties file').env('OTTLA_CONFIG'),
    )
    .option('--override <key=value>', 'set one setting; may be repeated', collect)
    .addOption(
      new Option('--log-level <level>', 'which messages to log to stderr')
        .choices(logLevels)
        .default('info')
        .env('OTTLA_LOG_LEVEL'),
    )
    .action(start)
  program.command('start').description('start the broker; what a bare ottla does').action(start)
  program
    .command('settings')
    .description('print every setting with its default and what it does')
    .option('--markdown', 'as Markdown')
    .action(async ({ markdown }: { markdown?: boolean }) => {
      const { settingsAsMarkdown, settingsAsText } = await import('./settings/settings-document.ts')
      process.stdout.write(markdown ? settingsAsMarkdown() : settingsAsText())
    })
  for (const { name, description } of clientCommands) {
    // Only for the list: `main` runs them. Flags of `start` in front of them lead here.
    program
      .command(name)
      .description(description)
      .usage('[options]')
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => program.error(`error: '${name}' stands first: ottla ${name} ...`))
  }
  return program
}

async function main(): Promise<void> {
  const words = process.argv.slice(2)
  const clientCommand = clientCommands.find(({ name }) => name === words[0])
  const asksForHelp = process.argv.some(argument => argument === '--help' || argument === '-h')
  try {
    if (clientCommand !== undefined) {
      const program = new Command('ottla').exitOverride().addCommand(await clientCommand.load())
      await program.parseAsync(words, { from: 'user' })
      // Everything is printed by now; the look-up of a name that nobody waits for any more could take a minute yet.
      process.exit()
    }
    await commandLine(asksForHelp ? await helpText() : '').parseAsync()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Commander has already printed what is wrong, or the help or version that was asked for.
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  }
}

main().catch(error => {
  process.stderr.write(`ottla: ${error instanceof Error ? error.stack : error}\n`)
  process.exit(exitCodes.software)
})
