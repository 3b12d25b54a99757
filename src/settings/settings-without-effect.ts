/**
 * Kafka's settings that Ottla knows and does not act on, with the reason. A configuration written for Kafka may keep
 * them: `quiet` ones, which every KRaft configuration has, are mentioned at debug level, the others at info, and
 * those whose absence changes what the broker does at warn. A key that is neither here nor in the table of broker
 * settings is unknown. `refused` ones stop the start: ignoring them would leave a broker open that was meant to be
 * closed.
 */
export interface WithoutEffect {
  readonly level: 'debug' | 'info' | 'warn' | 'refused'
  readonly reason: string
}

const cluster: WithoutEffect = {
  level: 'debug',
  reason: 'it concerns several brokers, and this is a single node',
}
const replication: WithoutEffect = { ...cluster, level: 'info' }
const threads: WithoutEffect = {
  level: 'info',
  reason: 'Ottla has an event loop where Kafka has thread pools',
}
const sockets: WithoutEffect = { level: 'info', reason: 'the operating system sizes the buffers of sockets' }
const javaOnly: WithoutEffect = { level: 'info', reason: 'it concerns the Java virtual machine' }
const zookeeper: WithoutEffect = { level: 'info', reason: 'Ottla needs no ZooKeeper' }
const compaction: WithoutEffect = { level: 'info', reason: 'compaction is not carried out yet' }
const transactions: WithoutEffect = { level: 'info', reason: 'transactions are not served yet' }
const newGroups: WithoutEffect = { level: 'info', reason: 'only classic consumer groups are served yet' }
const quotas: WithoutEffect = { level: 'warn', reason: 'quotas are not enforced yet' }
const tiered: WithoutEffect = { level: 'warn', reason: 'Ottla has no tiered storage' }
const security: WithoutEffect = { level: 'warn', reason: 'TLS and SASL are not served yet' }
const authorization: WithoutEffect = { level: 'refused', reason: 'access control is not enforced yet' }
const authorizerOnly: WithoutEffect = { level: 'info', reason: 'it only matters with an authorizer' }
const policies: WithoutEffect = { level: 'warn', reason: 'policy classes in Java cannot be run' }
const unneeded: WithoutEffect = { level: 'info', reason: 'Ottla has no use for it' }

const byName: Readonly<Record<string, WithoutEffect>> = {
  'inter.broker.listener.name': cluster,
  'security.inter.broker.protocol': cluster,
  'inter.broker.protocol.version': cluster,
  'sasl.mechanism.inter.broker.protocol': cluster,
  'sasl.mechanism.controller.protocol': cluster,
  'early.start.listeners': cluster,
  'auto.leader.rebalance.enable': replication,
  'leader.imbalance.check.interval.seconds': replication,
  'leader.imbalance.per.broker.percentage': replication,
  'num.replica.fetchers': replication,
  'num.replica.alter.log.dirs.threads': replication,
  'request.timeout.ms': replication,
  'reserved.broker.max.id': replication,
  'broker.id.generation.enable': replication,
  'unclean.leader.election.interval.ms': replication,
  'num.network.threads': threads,
  'num.io.threads': threads,
  'background.threads': threads,
  'queued.max.requests': threads,
  'socket.send.buffer.bytes': sockets,
  'socket.receive.buffer.bytes': sockets,
  'log.message.format.version': { level: 'info', reason: 'Kafka 4 removed it' },
  'log.message.downconversion.enable': { level: 'info', reason: 'Kafka 4 removed it' },
  'log.message.timestamp.difference.max.ms': {
    level: 'info',
    reason:
      'Kafka 4 replaced it by log.message.timestamp.before.max.ms and log.message.timestamp.after.max.ms',
  },
  'log.dir.failure.timeout.ms': replication,
  'offsets.commit.timeout.ms': unneeded,
  'offsets.load.buffer.size': unneeded,
  'producer.id.expiration.check.interval.ms': unneeded,
  'offsets.topic.compression.codec': unneeded,
  'offsets.commit.required.acks': unneeded,
  'group.coordinator.rebalance.protocols': newGroups,
  'max.connection.creation.rate': quotas,
  'principal.builder.class': security,
  'connections.max.reauth.ms': security,
  'connection.failed.authentication.delay.ms': security,
  'authorizer.class.name': authorization,
  'super.users': authorizerOnly,
  'allow.everyone.if.no.acl.found': authorizerOnly,
  'create.topic.policy.class.name': policies,
  'alter.config.policy.class.name': policies,
  'replica.selector.class': policies,
  'metric.reporters': javaOnly,
  'metrics.num.samples': javaOnly,
  'metrics.recording.level': javaOnly,
  'metrics.sample.window.ms': javaOnly,
  'auto.include.jmx.reporter': javaOnly,
  'config.providers': javaOnly,
  'transactional.id.expiration.ms': transactions,
}

const byPrefix: readonly (readonly [prefix: string, why: WithoutEffect])[] = [
  ['controller.quorum.', cluster],
  ['controller.', cluster],
  ['controlled.shutdown.', replication],
  ['broker.heartbeat.', cluster],
  ['broker.session.', cluster],
  ['initial.broker.registration.', cluster],
  ['metadata.', cluster],
  ['replica.', replication],
  ['follower.', replication],
  ['fetch.purgatory.', threads],
  ['producer.purgatory.', threads],
  ['delete.records.purgatory.', threads],
  ['socket.connection.setup.', replication],
  ['zookeeper.', zookeeper],
  ['log.cleaner.', compaction],
  ['transaction.', transactions],
  ['group.coordinator.', unneeded],
  ['group.consumer.', newGroups],
  ['group.share.', newGroups],
  ['group.streams.', newGroups],
  ['share.coordinator.', newGroups],
  ['quota.', quotas],
  ['client.quota.', quotas],
  ['log.local.retention.', tiered],
  ['remote.', tiered],
  ['ssl.', security],
  ['sasl.', security],
  ['listener.name.', security],
  ['password.encoder.', security],
  ['delegation.token.', security],
  ['kafka.metrics.', javaOnly],
  ['confluent.', { level: 'info', reason: "it belongs to Confluent's distribution" }],
  ['compression.', { level: 'info', reason: 'records are compressed again at the default level' }],
]

export function findWithoutEffect(name: string): WithoutEffect | undefined {
  if (Object.hasOwn(byName, name)) return byName[name]
  return byPrefix.find(([prefix]) => name.startsWith(prefix))?.[1]
}
