/** Values of records that tests produce, and look for again. */

/** `count` values of different lengths, each recognisable. */
export function numberedValues(count: number, label = 'value'): string[] {
  return Array.from({ length: count }, (_, index) => `${label}-${index}-${'x'.repeat((index * 37) % 400)}`)
}

export function texts(records: readonly { readonly value: unknown }[]): string[] {
  return records.map(({ value }) => String(value))
}
