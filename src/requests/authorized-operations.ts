/**
 * The bit fields in which Metadata says what the client may do (KIP-430): bit n stands for the operation
 * that Kafka's AclOperation gives the code n. Without an authorizer everything is allowed.
 */

const operation = {
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
} as const

function bits(...operations: readonly number[]): number {
  return operations.reduce((field, code) => field | (1 << code), 0)
}

const { read, write, create, alter, describe, clusterAction, describeConfigs, alterConfigs } = operation

/** Everything that can be done with a topic. */
export const topicOperations = bits(
  read,
  write,
  create,
  operation.delete,
  alter,
  describe,
  describeConfigs,
  alterConfigs,
)
/** Everything that can be done with the cluster. */
export const clusterOperations = bits(
  create,
  alter,
  describe,
  clusterAction,
  describeConfigs,
  alterConfigs,
  operation.idempotentWrite,
)
