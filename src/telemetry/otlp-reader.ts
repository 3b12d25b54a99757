/**
 * Reads what clients push: `MetricsData` of the OpenTelemetry protocol in protobuf (opentelemetry-proto 1.x), as far as
 * clients of Kafka use it. Gauges and sums of numbers are given; metrics of other kinds are counted and passed over.
 *
 *     MetricsData     1: ResourceMetrics*
 *     ResourceMetrics 1: Resource { 1: KeyValue* }   2: ScopeMetrics*
 *     ScopeMetrics    2: Metric*
 *     Metric          1: name   5: Gauge   7: Sum   9, 10, 11: histograms and summaries
 *     Gauge           1: NumberDataPoint*
 *     Sum             1: NumberDataPoint*   2: aggregation temporality (1: delta, 2: cumulative)   3: is monotonic
 *     NumberDataPoint 4: double   6: sfixed64   7: KeyValue*
 *     KeyValue        1: key   2: AnyValue { 1: string   2: bool   3: int64   4: double }
 *
 * Every length is checked against the bytes that there are, so nothing is made that the payload does not hold. A payload
 * may hold more points than anybody wants to have read; from a limit on they are passed over.
 */

export type Attributes = Readonly<Record<string, string>>

export interface PushedMetric {
  readonly name: string
  /** `delta`: to be added to what was pushed before. Undefined: a gauge. */
  readonly sum: { readonly isMonotonic: boolean; readonly isDelta: boolean } | undefined
  readonly points: readonly PushedPoint[]
  /** Of the client as a whole. */
  readonly resource: Attributes
}

export interface PushedPoint {
  readonly value: number
  readonly attributes: Attributes
}

export interface PushedMetrics {
  readonly metrics: readonly PushedMetric[]
  /** Metrics that are neither gauges nor sums, and metrics and points over the limit. */
  readonly skippedCount: number
}

export class OtlpError extends Error {
  override name = 'OtlpError'
}

const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const
const temporalities = { delta: 1 } as const

/** What was read of a payload so far. */
interface Reading {
  readonly metrics: PushedMetric[]
  skippedCount: number
  /** How many points may still be read. */
  room: number
}

/** Throws OtlpError where the bytes are no such message. */
export function readMetricsData(bytes: Buffer, maxPointCount: number): PushedMetrics {
  const reading: Reading = { metrics: [], skippedCount: 0, room: maxPointCount }
  eachField(bytes, (field, value) => {
    if (field === 1) readResourceMetrics(bytesOf(value), reading)
  })
  return reading
}

function readResourceMetrics(bytes: Buffer, reading: Reading): void {
  const resource: Record<string, string> = {}
  const scopes: Buffer[] = []
  eachField(bytes, (field, value) => {
    if (field === 1)
      eachField(bytesOf(value), (inner, pair) => inner === 1 && readPair(bytesOf(pair), resource))
    else if (field === 2) scopes.push(bytesOf(value))
  })
  for (const scope of scopes) {
    eachField(scope, (field, value) => {
      if (field !== 2) return
      const metric = reading.room > 0 ? readMetric(bytesOf(value), resource, reading) : undefined
      if (metric === undefined) reading.skippedCount++
      else reading.metrics.push(metric)
    })
  }
}

function readMetric(bytes: Buffer, resource: Attributes, reading: Reading): PushedMetric | undefined {
  let name = ''
  let sum: PushedMetric['sum']
  let points: PushedPoint[] | undefined
  eachField(bytes, (field, value) => {
    if (field === 1) name = textOf(value)
    else if (field === 5) points = readPoints(bytesOf(value), reading)
    else if (field === 7) {
      points = readPoints(bytesOf(value), reading)
      sum = readSum(bytesOf(value))
    }
  })
  return points === undefined ? undefined : { name, sum, points, resource }
}

function readSum(bytes: Buffer): { isMonotonic: boolean; isDelta: boolean } {
  let isMonotonic = false
  let isDelta = false
  eachField(bytes, (field, value) => {
    if (field === 2) isDelta = Number(value) === temporalities.delta
    else if (field === 3) isMonotonic = Number(value) !== 0
  })
  return { isMonotonic, isDelta }
}

function readPoints(bytes: Buffer, reading: Reading): PushedPoint[] {
  const points: PushedPoint[] = []
  eachField(bytes, (field, value) => {
    if (field !== 1) return
    if (reading.room === 0) {
      reading.skippedCount++
    } else {
      reading.room--
      points.push(readPoint(bytesOf(value)))
    }
  })
  return points
}

function readPoint(bytes: Buffer): PushedPoint {
  const attributes: Record<string, string> = {}
  let number = 0
  eachField(bytes, (field, value, wireType) => {
    if (field === 7) readPair(bytesOf(value), attributes)
    else if (wireType === wireTypes.fixed64 && field === 4) number = bytesOf(value).readDoubleLE()
    else if (wireType === wireTypes.fixed64 && field === 6) number = Number(bytesOf(value).readBigInt64LE())
  })
  return { value: number, attributes }
}

function readPair(bytes: Buffer, into: Record<string, string>): void {
  let key = ''
  let text = ''
  eachField(bytes, (field, value) => {
    if (field === 1) key = textOf(value)
    else if (field === 2) text = readAnyValue(bytesOf(value))
  })
  into[key] = text
}

/** Lists and maps, which no client sends, become nothing. */
function readAnyValue(bytes: Buffer): string {
  let text = ''
  eachField(bytes, (field, value, wireType) => {
    if (field === 1) text = textOf(value)
    else if (field === 2 && wireType === wireTypes.varint) text = String(value !== 0n)
    else if (field === 3 && wireType === wireTypes.varint) text = String(BigInt.asIntN(64, value as bigint))
    else if (field === 4 && wireType === wireTypes.fixed64) text = String(bytesOf(value).readDoubleLE())
  })
  return text
}

type FieldValue = bigint | Buffer

/** A varint is a bigint, everything else its bytes. */
function eachField(
  bytes: Buffer,
  visit: (field: number, value: FieldValue, wireType: number) => unknown,
): void {
  let position = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[position++]
      if (byte === undefined) throw new OtlpError('ends within a number')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new OtlpError('has a number that is too long')
  }
  /** A tag or a length. */
  const small = (): number => {
    let value = 0
    for (let factor = 1; factor <= 2 ** 28; factor *= 2 ** 7) {
      const byte = bytes[position++]
      if (byte === undefined) throw new OtlpError('ends within a number')
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    throw new OtlpError('has a tag or length that is too large')
  }
  const take = (size: number): Buffer => {
    if (size > bytes.length - position) throw new OtlpError('ends within a field')
    position += size
    return bytes.subarray(position - size, position)
  }
  while (position < bytes.length) {
    const tag = small()
    const wireType = tag % 8
    const field = Math.floor(tag / 8)
    if (wireType === wireTypes.varint) visit(field, varint(), wireType)
    else if (wireType === wireTypes.fixed64) visit(field, take(8), wireType)
    else if (wireType === wireTypes.bytes) visit(field, take(small()), wireType)
    else if (wireType === wireTypes.fixed32) visit(field, take(4), wireType)
    else throw new OtlpError(`has a field of the unknown wire type ${wireType}`)
  }
}

function bytesOf(value: FieldValue): Buffer {
  if (typeof value === 'bigint') throw new OtlpError('has a number where there should be bytes')
  return value
}

function textOf(value: FieldValue): string {
  return bytesOf(value).toString('utf8')
}
