import type { ErrorName } from '../../protocol-codecs/error-codes.ts'

/** What a client is told when its coordinator's log fails (CoordinatorOperationExceptionHelper in Kafka). */
export function clientError(name: ErrorName): ErrorName {
  switch (name) {
    case 'NOT_LEADER_OR_FOLLOWER':
    case 'KAFKA_STORAGE_ERROR':
    case 'FENCED_LEADER_EPOCH':
      return 'NOT_COORDINATOR'
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
    case 'UNKNOWN_SERVER_ERROR':
      return 'UNKNOWN_SERVER_ERROR'
    case 'COORDINATOR_LOAD_IN_PROGRESS':
      return name
    default:
      return 'COORDINATOR_NOT_AVAILABLE'
  }
}
