/** What handlers may reach: the seams, the coordinators and the settings, each as narrow as it can be. */
import type { Cluster } from '../cluster/cluster.ts'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { Clock } from '../platform/clock.ts'
import type { DiskSpace } from '../platform/disk-space.ts'
import type { Logger } from '../platform/logger.ts'
import type { Loggers } from '../platform/loggers.ts'
import type { BrokerSettings } from '../settings/broker-settings.ts'
import type { LogDirectoryView } from '../storage/log-directory-view.ts'
import type { PartitionLogs } from '../storage/partition-log.ts'
import type { TopicCatalog } from '../storage/topic-catalog.ts'
import type { ClientTelemetry } from '../telemetry/client-telemetry.ts'
import type { ConfigAdministration } from '../topics/config-administration.ts'
import type { TopicAdministration } from '../topics/topic-administration.ts'
import type { FetchSessions } from './fetch-sessions.ts'
import type { ProducerIds } from './producer-ids.ts'
import type { SupportedApi } from './supported-apis.ts'

export interface Services {
  /** As they are now: what may change while the broker runs is read here each time. */
  readonly settings: BrokerSettings
  readonly clock: Clock
  readonly logger: Logger
  readonly loggers: Loggers
  readonly catalog: TopicCatalog
  readonly logs: PartitionLogs
  /** Where the logs lie. */
  readonly logDirectories: readonly LogDirectoryView[]
  /** The room on the disk that holds a path. */
  diskSpace(path: string): Promise<DiskSpace>
  readonly cluster: Cluster
  readonly topics: TopicAdministration
  readonly configs: ConfigAdministration
  readonly groups: GroupCoordinator
  readonly fetchSessions: FetchSessions
  readonly producerIds: ProducerIds
  readonly telemetry: ClientTelemetry
  /** What ApiVersions advertises, derived from the handlers. */
  readonly supportedApis: readonly SupportedApi[]
  /** Where clients that came through a listener are told to reach the local broker. */
  advertisedAddress(context: { listenerName: string; localAddress: string; localPort: number }): {
    host: string
    port: number
  }
}
