/** Writes OTLP metrics for tests, as far as `telemetry/otlp-reader.ts` reads them. */

export interface WrittenMetric {
  readonly name: string
  readonly kind: 'gauge' | 'delta' | 'cumulative' | 'up-down' | 'histogram'
  readonly value: number
  readonly attributes?: Readonly<Record<string, string>>
  /** As an integer in place of a double. */
  readonly isInteger?: boolean
}

export function otlpMetrics(
  metrics: readonly WrittenMetric[],
  resource: Readonly<Record<string, string>> = {},
): Buffer {
  const pairs = (field: number, values: Readonly<Record<string, string>>) =>
    Object.entries(values).map(([key, value]) => message(field, [text(1, key), message(2, [text(1, value)])]))
  const bodies = metrics.map(({ name, kind, value, attributes = {}, isInteger = false }) => {
    const number = Buffer.alloc(9)
    number[0] = isInteger ? (6 << 3) | 1 : (4 << 3) | 1
    if (isInteger) number.writeBigInt64LE(BigInt(value), 1)
    else number.writeDoubleLE(value, 1)
    const point = message(1, [fixed64(3, 7n), number, ...pairs(7, attributes)])
    const sum = [varint(2, kind === 'delta' ? 1 : 2), varint(3, kind === 'up-down' ? 0 : 1)]
    const data =
      kind === 'gauge'
        ? message(5, [point])
        : kind === 'histogram'
          ? message(9, [])
          : message(7, [point, ...sum])
    return message(2, [text(1, name), text(2, 'what it is'), data])
  })
  const resourceMetrics = [
    message(1, pairs(1, resource)),
    message(2, [message(1, [text(1, 'a scope')]), ...bodies]),
  ]
  return message(1, resourceMetrics)
}

function message(field: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([tag(field, 2), number(body.length), body])
}

function text(field: number, value: string): Buffer {
  return message(field, [Buffer.from(value)])
}

function fixed64(field: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return Buffer.concat([tag(field, 1), bytes])
}

function varint(field: number, value: number): Buffer {
  return Buffer.concat([tag(field, 0), number(value)])
}

function tag(field: number, wireType: number): Buffer {
  return number(field * 8 + wireType)
}

function number(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Buffer.from([...bytes, rest])
}
