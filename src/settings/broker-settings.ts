/**
 * Every setting that the broker honours, in one table. A key that is not in it is unknown, except those of
 * `settings-without-effect.ts`. Components receive values out of `BrokerSettings`, never the table.
 */
import { groupSettings } from './group-settings.ts'
import { logSettings } from './log-settings.ts'
import { networkSettings } from './network-settings.ts'
import type { Setting, ValuesOf } from './setting.ts'

/** The parts of the table, in the order in which documentation shows them. */
export const brokerSettingThemes: readonly { title: string; table: Readonly<Record<string, Setting>> }[] = [
  { title: 'Identity, network and limits', table: networkSettings },
  { title: 'Log and topics', table: logSettings },
  { title: 'Groups, offsets and producers', table: groupSettings },
]

export const brokerSettingTable = { ...networkSettings, ...logSettings, ...groupSettings }

export type BrokerSettingName = keyof typeof brokerSettingTable

/** The parsed settings: `settings['log.retention.hours']` is a number. */
export type BrokerSettings = ValuesOf<typeof brokerSettingTable>

export function findBrokerSetting(name: string): Setting | undefined {
  return Object.hasOwn(brokerSettingTable, name) ? brokerSettingTable[name as BrokerSettingName] : undefined
}

/** The defaults, with what the caller changes: how tests and embedders make settings without text. */
export function brokerSettings(changes: Partial<BrokerSettings> = {}): BrokerSettings {
  const defaults = Object.entries(brokerSettingTable).map(([name, setting]) => [name, setting.default])
  return Object.freeze({ ...Object.fromEntries(defaults), ...changes }) as BrokerSettings
}
