/**
 * DescribeCluster (KIP-700): the brokers, the controller and what the client may do with the cluster. A
 * client may also ask a controller for the controllers (KIP-919); clients never reach one here. A node
 * that serves requests is not fenced, so asking for the fenced ones too (KIP-1073) shows nothing more.
 */
import { errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import {
  describeClusterRequest,
  describeClusterResponse,
} from '../../protocol-codecs/messages/describe-cluster.ts'
import { clusterOperations } from './authorized-operations.ts'
import { handler } from './handler.ts'

const endpointTypes = { broker: 1, controller: 2 } as const

export const describeCluster = handler({
  request: describeClusterRequest,
  response: describeClusterResponse,
  versions: '0-2',
  ordering: 'pipelined',

  handle({ endpointType, includeClusterAuthorizedOperations }, services, context) {
    if (endpointType === endpointTypes.controller) {
      throw new ProtocolError(
        'MISMATCHED_ENDPOINT_TYPE',
        'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER',
      )
    }
    if (endpointType !== endpointTypes.broker) {
      throw new ProtocolError('UNSUPPORTED_ENDPOINT_TYPE', `Unsupported endpoint type ${endpointType}`)
    }
    const view = services.cluster.view()
    const address = services.advertisedAddress(context)
    return {
      throttleTimeMs: 0,
      errorCode: errorCodes.NONE,
      clusterId: view.clusterId,
      controllerId: view.controllerId,
      brokers: view.brokerIds.map(brokerId => ({ brokerId, ...address, rack: view.rack })),
      ...(includeClusterAuthorizedOperations
        ? { clusterAuthorizedOperations: clusterOperations }
        : undefined),
    }
  },

  refuse: (_request, error, message) => ({
    throttleTimeMs: 0,
    errorCode: errorCodes[error],
    errorMessage: message,
    clusterId: '',
    brokers: [],
  }),
})
