/**
 * Settings from where users put them: flags (`--override key=value`) before the environment before a properties file
 * before defaults. Everything is parsed and checked before anything is answered: bad values are gathered and thrown
 * together, one sentence each, naming the key, the value, where it stands and what is allowed. Unknown keys and keys
 * without effect come back as remarks for the log.
 */
import {
  type BrokerSettingName,
  type BrokerSettings,
  brokerSettings,
  brokerSettingTable,
  findBrokerSetting,
} from './broker-settings.ts'
import { conflictsOf } from './conflicts.ts'
import { environmentSettings } from './environment.ts'
import { PropertiesSyntaxError, parseProperties } from './properties-file.ts'
import { format, parse, type Setting, type SettingValue } from './setting.ts'
import { findWithoutEffect } from './settings-without-effect.ts'
import { similarText } from './similar-text.ts'

export interface SettingSources {
  /** Values that an embedding program passes, before everything else. */
  readonly options?: Readonly<Record<string, SettingValue | undefined>>
  /** `key=value` each; of two for one key the later counts. */
  readonly overrides?: readonly string[]
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** `path` is for messages. */
  readonly file?: { readonly path: string; readonly text: string }
}

/** What somebody set, as written, for messages and for DescribeConfigs. */
export interface GivenSetting {
  readonly text: string
  /** `option`, `--override`, a variable's name, or `file:line`. */
  readonly origin: string
}

export interface Remark {
  readonly level: 'debug' | 'info' | 'warn'
  readonly message: string
}

export interface LoadedSettings {
  readonly settings: BrokerSettings
  readonly given: ReadonlyMap<BrokerSettingName, GivenSetting>
  readonly remarks: readonly Remark[]
}

export class SettingsError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'SettingsError'
    this.problems = problems
  }
}

const optionOrigin = 'option'

type Given = Map<string, GivenSetting>

function gather(
  { options = {}, overrides = [], environment = {}, file }: SettingSources,
  problems: string[],
  remarks: Remark[],
) {
  const given: Given = new Map()
  try {
    for (const { key, value, line } of file === undefined ? [] : parseProperties(file.text)) {
      const earlier = given.get(key)
      const origin = `${file?.path}:${line}`
      if (earlier !== undefined) {
        remarks.push({
          level: 'warn',
          message: `${key} is set twice: ${origin} counts, ${earlier.origin} does not`,
        })
      }
      given.set(key, { text: value, origin })
    }
  } catch (error) {
    if (!(error instanceof PropertiesSyntaxError)) throw error
    problems.push(`${file?.path}:${error.line}: ${error.message}.`)
  }
  for (const { key, value, variable } of environmentSettings(environment)) {
    given.set(key, { text: value, origin: variable })
  }
  for (const override of overrides) {
    const equals = override.indexOf('=')
    if (equals <= 0) {
      problems.push(`--override takes key=value, not '${override}'.`)
      continue
    }
    given.set(override.slice(0, equals).trim(), { text: override.slice(equals + 1), origin: '--override' })
  }
  for (const [key, value] of Object.entries(options)) {
    const text = format(value ?? null)
    if (text !== null) given.set(key, { text, origin: optionOrigin })
  }
  return given
}

function badValue(name: string, setting: Setting, given: GivenSetting, problem: string): string {
  const shown = setting.sensitive ? '[hidden]' : `'${given.text.trim()}'`
  const { type, allowed } = setting
  const expected =
    type === 'list' || type === 'string' ? (allowed ?? type) : [type, allowed].filter(Boolean).join(' in ')
  return `${name} cannot be ${shown} (${given.origin}): ${problem}. Allowed: ${expected}.`
}

/** An older or shorter name of a setting, which counts where the setting itself was not given, and agrees with it after. */
const aliases: readonly (readonly [alias: BrokerSettingName, name: BrokerSettingName])[] = [
  ['broker.id', 'node.id'],
  ['log.dir', 'log.dirs'],
]

function resolveAliases(
  values: Record<string, SettingValue>,
  given: ReadonlyMap<string, GivenSetting>,
): void {
  for (const [alias, name] of aliases) {
    if (!given.has(alias) || values[alias] === -1) continue
    if (!given.has(name)) values[name] = values[alias] ?? null
    else if (alias === 'log.dir') values[alias] = values[name] ?? null
  }
}

/** What no single value shows. */
function conflicts(settings: BrokerSettings, given: ReadonlyMap<string, GivenSetting>): string[] {
  const at = (name: string) => given.get(name)?.origin ?? 'default'
  return conflictsOf(settings).map(({ name, problem }) => `${name} (${at(name)}): ${problem}.`)
}

export function loadSettings(sources: SettingSources): LoadedSettings {
  const problems: string[] = []
  const remarks: Remark[] = []
  const known = new Map<BrokerSettingName, GivenSetting>()
  const values: Record<string, SettingValue> = {}
  for (const [name, given] of gather(sources, problems, remarks)) {
    const setting = findBrokerSetting(name)
    if (setting !== undefined) {
      known.set(name as BrokerSettingName, given)
      const parsed = parse<SettingValue>(setting, given.text)
      if (parsed.ok) values[name] = parsed.value
      else problems.push(badValue(name, setting, given, parsed.problem))
      if (setting.notYet !== undefined) {
        remarks.push({ level: 'warn', message: `${name} (${given.origin}) has no effect: ${setting.notYet}` })
      }
      continue
    }
    const withoutEffect = findWithoutEffect(name)
    if (withoutEffect === undefined) {
      const similar = similarText(name, Object.keys(brokerSettingTable))
      const hint = similar === undefined ? '' : `; did you mean ${similar}?`
      // Files may hold what other programs read; in a program's own text it is a slip of the pen.
      if (given.origin === optionOrigin) problems.push(`${name} is no setting of the broker${hint}.`)
      else
        remarks.push({
          level: 'warn',
          message: `Unknown setting ${name} (${given.origin}) is ignored${hint}`,
        })
    } else if (withoutEffect.level === 'refused') {
      if (given.text.trim() === '') continue
      problems.push(`${name} cannot be set (${given.origin}): ${withoutEffect.reason}.`)
    } else {
      const message = `${name} (${given.origin}) has no effect: ${withoutEffect.reason}`
      remarks.push({ level: withoutEffect.level, message })
    }
  }
  resolveAliases(values, known)
  const settings = brokerSettings(values as Partial<BrokerSettings>)
  if (problems.length === 0) problems.push(...conflicts(settings, known))
  if (problems.length > 0) throw new SettingsError(problems)
  return { settings, given: known, remarks }
}
