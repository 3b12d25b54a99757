/**
 * The names of what lies in the root of a log directory, as Kafka has them, and the errors of a directory that cannot
 * be used. Who it belongs to is in `directory-identity.ts`, who uses it now in `directory-lock.ts`.
 */

export const metaPropertiesName = 'meta.properties'
export const cleanShutdownName = '.kafka_cleanshutdown'
export const recoveryPointName = 'recovery-point-offset-checkpoint'
export const logStartOffsetName = 'log-start-offset-checkpoint'
export const highWatermarkName = 'replication-offset-checkpoint'

/** The directory cannot be used; the message says why and what to do. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError'
}

/**
 * The directory is somebody else's, or contradicts another one. Then no broker may start on it, also where one that is
 * damaged could be done without.
 */
export class DirectoryConflictError extends DataDirectoryError {}
