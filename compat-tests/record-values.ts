/** Values of records that tests produce, and look for again. */
import assert from 'node:assert/strict'

/** `count` values of different lengths, each recognisable. */
export function numberedValues(count: number, label = 'value'): string[] {
  return Array.from({ length: count }, (_, index) => `${label}-${index}-${'x'.repeat((index * 37) % 400)}`)
}

export function texts(records: readonly { readonly value: unknown }[]): string[] {
  return records.map(({ value }) => String(value))
}

/** What was sent in rounds, with `KEY ROUND` under each key: the rounds of a key are in order, in one partition. */
export function assertOrderWithinKeys(
  records: readonly { readonly key: unknown; readonly value: unknown; readonly partition: number }[],
  keys: readonly string[],
  rounds: number,
): void {
  for (const key of keys) {
    const stored = records.filter(record => String(record.key) === key)
    assert.equal(new Set(stored.map(({ partition }) => partition)).size, 1, `${key} is in several partitions`)
    assert.deepEqual(
      texts(stored),
      Array.from({ length: rounds }, (_, round) => `${key} ${round}`),
    )
  }
}
