/** What a cluster is: its brokers, its controller, its features, and the APIs that each broker serves. */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  describeClusterRequest,
  describeClusterResponse,
} from '../../protocol-codecs/messages/describe-cluster.ts'
import {
  describeQuorumRequest,
  describeQuorumResponse,
} from '../../protocol-codecs/messages/describe-quorum.ts'
import { throwIfRefused } from './client-error.ts'
import type { BrokerNode, ClusterClient } from './cluster-client.ts'
import type { Connection, ServedVersions } from './connection.ts'

const describeCluster = { request: describeClusterRequest, response: describeClusterResponse } as const
const describeQuorum = { request: describeQuorumRequest, response: describeQuorumResponse } as const
const metadataTopic = '__cluster_metadata'

export interface BrokerFacts {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
  readonly isFenced: boolean
}

export interface ClusterFacts {
  readonly clusterId: string | null
  /** -1: not known. */
  readonly controllerId: number
  readonly brokers: readonly BrokerFacts[]
}

export async function clusterFacts(client: ClusterClient): Promise<ClusterFacts> {
  return client.retrying(
    async () => {
      const connection = await client.any()
      const facts = (await viaDescribeCluster(connection)) ?? (await viaMetadata(client))
      // What a broker calls the controller is, with KRaft, any broker that passes requests on.
      const leaderId = await quorumLeader(connection)
      return { ...facts, controllerId: leaderId ?? facts.controllerId }
    },
    { afterLostConnection: true },
  )
}

async function viaDescribeCluster(connection: Connection): Promise<ClusterFacts | undefined> {
  const version = connection.versionOf(describeCluster)
  if (version === undefined) return undefined
  const includeFencedBrokers = version >= 2 ? true : undefined
  const answer = await connection.send(describeCluster, {
    includeClusterAuthorizedOperations: false,
    includeFencedBrokers,
  })
  throwIfRefused('Cannot describe the cluster', connection.broker, answer.errorCode, answer.errorMessage)
  const brokers = answer.brokers.map(({ brokerId, host, port, rack, isFenced }) => ({
    nodeId: brokerId,
    host,
    port,
    rack,
    isFenced,
  }))
  return { clusterId: answer.clusterId, controllerId: answer.controllerId, brokers: sorted(brokers) }
}

async function viaMetadata(client: ClusterClient): Promise<ClusterFacts> {
  const { clusterId, controllerId, brokers } = await client.metadata([])
  const unfenced = brokers.map((node: BrokerNode) => ({ ...node, isFenced: false }))
  return { clusterId, controllerId, brokers: sorted(unfenced) }
}

function sorted(brokers: readonly BrokerFacts[]): BrokerFacts[] {
  return [...brokers].sort((one, other) => one.nodeId - other.nodeId)
}

/** undefined: no KRaft, or we may not know. */
async function quorumLeader(connection: Connection): Promise<number | undefined> {
  if (connection.versionOf(describeQuorum) === undefined) return undefined
  const answer = await connection.send(describeQuorum, {
    topics: [{ topicName: metadataTopic, partitions: [{ partitionIndex: 0 }] }],
  })
  const quorum = answer.topics[0]?.partitions[0]
  const isKnown = answer.errorCode === errorCodes.NONE && quorum?.errorCode === errorCodes.NONE
  return isKnown ? quorum.leaderId : undefined
}

/** What each broker answered to ApiVersions; undefined where it cannot be reached. */
export async function servedByEach(
  client: ClusterClient,
  brokers: readonly BrokerFacts[],
): Promise<Map<number, ServedVersions | undefined>> {
  const ask = async ({ nodeId, isFenced }: BrokerFacts) => {
    const served = isFenced
      ? undefined
      : await client.node(nodeId).then(
          ({ served }) => served,
          () => undefined,
        )
    return [nodeId, served] as const
  }
  return new Map(await Promise.all(brokers.map(ask)))
}
