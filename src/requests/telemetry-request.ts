/** Who sends a telemetry request, as subscriptions match it. */
import type { ClientRequest } from '../telemetry/client-instances.ts'
import type { RequestContext } from './handler.ts'

export function telemetryRequest(clientInstanceId: string, context: RequestContext): ClientRequest {
  return {
    clientInstanceId,
    facts: () => ({
      client_instance_id: clientInstanceId,
      client_id: context.clientId,
      client_software_name: context.clientSoftware?.name,
      client_software_version: context.clientSoftware?.version,
      client_source_address: context.clientHost,
      client_source_port: String(context.clientPort),
    }),
    onClose: callback => context.onClose(callback),
  }
}
