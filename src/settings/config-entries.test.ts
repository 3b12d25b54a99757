import t from 'tap'
import { brokerSettings } from './broker-settings.ts'
import { allBrokersEntries, brokerEntries, type ConfigEntry } from './config-entries.ts'
import { DynamicSettings } from './dynamic-settings.ts'

t.test('what was set on brokers and is no setting is shown as what might be a secret', async t => {
  const settings = new DynamicSettings(brokerSettings({ 'node.id': 1 }))
  settings.apply(
    new Map<string, Record<string, string>>([
      ['', { 'no.such': 'all', 'log.retention.ms': '5' }],
      ['1', { 'no.such': 'one', 'nor.this': 'one' }],
    ]),
  )
  const shown = (entries: ConfigEntry[]) =>
    entries
      .filter(({ setting }) => setting === undefined)
      .map(({ name, value, source, isReadOnly, synonyms }) => ({
        name,
        value,
        source,
        isReadOnly,
        synonyms: synonyms.map(synonym => [synonym.value, synonym.source]),
      }))
  const ofBoth = [
    [null, 2],
    [null, 3],
  ]
  t.same(shown(brokerEntries(settings)), [
    { name: 'no.such', value: null, source: 2, isReadOnly: true, synonyms: ofBoth },
    { name: 'nor.this', value: null, source: 2, isReadOnly: true, synonyms: [[null, 2]] },
  ])
  t.same(
    brokerEntries(settings, new Set(['nor.this'])).map(({ name }) => name),
    ['nor.this'],
  )
  t.same(shown(allBrokersEntries(settings)), [
    { name: 'no.such', value: null, source: 3, isReadOnly: true, synonyms: [[null, 3]] },
  ])
})
