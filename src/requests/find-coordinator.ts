/**
 * FindCoordinator: of one key up to version 3, of several from version 4 on (KIP-699). The first to ask
 * for a group's coordinator has `__consumer_offsets` created; where Kafka answers
 * COORDINATOR_NOT_AVAILABLE meanwhile, this waits and answers, which saves the client a round.
 * Coordinators of transactions and share groups are refused with an error that clients do not retry, so
 * that they fail with a reason instead of a timeout; idempotent producers never ask.
 */
import { type ErrorName, errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from '../../protocol-codecs/messages/find-coordinator.ts'
import { groupMetadataTopic } from '../storage/internal-topic-names.ts'
import { handler, type RequestContext } from './handler.ts'
import type { Services } from './services.ts'

const firstVersionWithSeveralKeys = 4
const keyTypes = { group: 0, transaction: 1, share: 2 }

interface Found {
  readonly error: ErrorName
  readonly message: string | null
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

export const findCoordinator = handler({
  request: findCoordinatorRequest,
  response: findCoordinatorResponse,
  versions: '0-6',
  ordering: 'pipelined',
  async handle({ coordinatorKeys, key, keyType }, services, context) {
    if (context.apiVersion < firstVersionWithSeveralKeys) {
      return single(await find(key, keyType, services, context))
    }
    const found = coordinatorKeys.map(async each => {
      const { error, host, message, nodeId, port } = await find(each, keyType, services, context)
      return { key: each, nodeId, host, port, errorCode: errorCodes[error], errorMessage: message }
    })
    return { coordinators: await Promise.all(found) }
  },
  refuse({ coordinatorKeys, key }, error, message) {
    const nowhere = refusal(error, message)
    // Only the later versions have keys, and only the earlier ones a key.
    if (coordinatorKeys.length === 0 && key !== '') return single(nowhere)
    const errorCode = errorCodes[error]
    const { host, nodeId, port } = nowhere
    return {
      coordinators: coordinatorKeys.map(each => ({
        key: each,
        nodeId,
        host,
        port,
        errorCode,
        errorMessage: message,
      })),
    }
  },
})

async function find(
  key: string,
  keyType: number,
  { advertisedAddress, cluster, groups }: Services,
  context: RequestContext,
): Promise<Found> {
  if (keyType !== keyTypes.group) {
    const what = keyType === keyTypes.transaction ? 'Transactions are' : `Coordinator key type ${keyType} is`
    return refusal('INVALID_REQUEST', `${what} not supported by this broker.`)
  }
  try {
    const index = await groups.shardOf(key)
    const view = cluster.view()
    const nodeId = view.coordinatorOf({ topic: groupMetadataTopic, index })
    // Where other brokers are reached is not known here yet; on one node there are none.
    if (nodeId !== view.localId) return refusal('COORDINATOR_NOT_AVAILABLE', null)
    // The words that Kafka has for no error.
    return { error: 'NONE', message: 'NONE', nodeId, ...advertisedAddress(context) }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return refusal('COORDINATOR_NOT_AVAILABLE', null)
  }
}

function refusal(error: ErrorName, message: string | null): Found {
  return { error, message, nodeId: -1, host: '', port: -1 }
}

function single({ error, host, message, nodeId, port }: Found) {
  return { errorCode: errorCodes[error], errorMessage: message, nodeId, host, port }
}
