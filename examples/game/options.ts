/**
 * The command line of `npm run example:game`.
 */
import { parseArgs } from 'node:util'

export interface Options {
  seed: number
  players: number
  events: number
  /** How long the evening of four hours takes. */
  seconds: number
  /** A broker that runs already; without it the game starts an Ottla of its own. */
  broker?: string
  /** Where the archive is written and stays; without it, a temporary directory. */
  archive?: string
}

const help = `usage: npm run example:game -- [options]

  --seed N            repeats an evening (default: another one each time)
  --players N         how many people play (200)
  --events N          how often they log in or trade, altogether (12000)
  --seconds N         how long the evening of four hours takes (14)
  --broker HOST:PORT  plays on a broker that runs already, Ottla or Apache Kafka (default: starts an Ottla)
  --archive DIR       keeps the archive in there (default: a temporary directory)`

/** The options; a command line that cannot be understood gives the text to print instead. */
export function readOptions(args: string[]): Options | { text: string; exitCode: number } {
  let values: Record<string, string | boolean | undefined>
  try {
    const names = ['seed', 'players', 'events', 'seconds', 'broker', 'archive']
    const texts = names.map(name => [name, { type: 'string' as const }] as const)
    const options = { ...Object.fromEntries(texts), help: { type: 'boolean' as const } }
    values = parseArgs({ args, options }).values
  } catch (error) {
    return { text: `${(error as Error).message}\n\n${help}`, exitCode: 2 }
  }
  if (values.help === true) return { text: help, exitCode: 0 }

  const problems: string[] = []
  const number = (name: string, low: number, otherwise: number) => {
    const text = values[name]
    const value = text === undefined ? otherwise : Number(text)
    if (!Number.isInteger(value) || value < low)
      problems.push(`--${name} wants a whole number from ${low}, got ${text}`)
    return value
  }
  const players = number('players', 1, 200)
  const options: Options = {
    seed: number('seed', 0, Math.floor(Math.random() * 1_000_000)),
    players,
    events: number('events', players, 12_000),
    seconds: number('seconds', 1, 14),
    broker: values.broker as string | undefined,
    archive: values.archive as string | undefined,
  }
  if (options.broker !== undefined && !/^.+:\d+$/.test(options.broker)) {
    problems.push(`--broker wants HOST:PORT, got ${options.broker}`)
  }
  return problems.length === 0 ? options : { text: `${problems.join('\n')}\n\n${help}`, exitCode: 2 }
}
