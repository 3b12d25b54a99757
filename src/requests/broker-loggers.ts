/**
 * The configurations of a resource BROKER_LOGGER (KIP-412): the levels of the broker's loggers. They are not stored, so
 * they are described and altered here and not where other configurations are, in the order and words of Kafka's
 * RuntimeLoggerManager. All that one resource asks for is checked before any of it is done.
 */
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { type BrokerLogLevel, brokerLogLevels, type Loggers, rootLogger } from '../platform/loggers.ts'
import { brokerIdIn } from '../settings/broker-id.ts'
import { configOperations } from '../settings/config-operations.ts'
import { configSources } from '../settings/dynamic-settings.ts'
import { invalid } from './config-resources.ts'

interface LoggerOperation {
  readonly name: string
  readonly configOperation: number
  readonly value: string | null
}

/** A logger has neither a type nor documentation. */
const unknownTypeId = 0

export function describeLoggers(
  loggers: Loggers,
  nodeId: number,
  brokerName: string,
  names: ReadonlySet<string> | undefined,
) {
  if (brokerName === '') throw invalid('Broker id must not be empty')
  if (brokerIdIn(brokerName, 'Broker') !== nodeId) {
    throw invalid(`Unexpected broker id, expected ${nodeId} but received ${brokerName}`)
  }
  return loggers
    .levels()
    .filter(([name]) => names === undefined || names.has(name))
    .map(([name, value]) => ({
      name,
      value,
      readOnly: false,
      configSource: configSources.brokerLogger,
      isSensitive: false,
      synonyms: [],
      configType: unknownTypeId,
      documentation: '',
    }))
}

export function alterLoggers(
  loggers: Loggers,
  nodeId: number,
  brokerName: string,
  operations: readonly LoggerOperation[],
  validateOnly: boolean,
): void {
  const id = brokerIdIn(brokerName, 'Node')
  if (id !== nodeId) throw invalid(`Unexpected node id. Expected ${nodeId}, but received ${id}`)
  const wanted = operations.map(operation => [operation.name, wantedLevel(operation, loggers)] as const)
  if (validateOnly) return
  for (const [name, level] of wanted) loggers.setLevel(name, level)
}

/** undefined: none of its own. */
function wantedLevel(
  { name, configOperation, value }: LoggerOperation,
  loggers: Loggers,
): BrokerLogLevel | undefined {
  const operation = configOperations[configOperation]
  if (operation === undefined) {
    throw invalid(`Unknown operation type ${configOperation} is not allowed for the BROKER_LOGGER resource`)
  }
  if (operation !== 'SET' && operation !== 'DELETE') {
    throw invalid(`${operation} operation is not allowed for the BROKER_LOGGER resource`)
  }
  if (!loggers.has(name)) throw new ProtocolError('INVALID_CONFIG', `Logger ${name} does not exist!`)
  if (operation === 'DELETE') {
    if (name === rootLogger) throw invalid('Removing the log level of the root logger is not allowed')
    return undefined
  }
  const level = brokerLogLevels.find(known => known === value)
  if (level !== undefined) return level
  const valid = [...brokerLogLevels].sort().join(', ')
  throw new ProtocolError(
    'INVALID_CONFIG',
    `Cannot set the log level of ${name} to ${value} as it is not a supported log level. Valid log levels are ${valid}`,
  )
}
