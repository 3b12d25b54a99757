/**
 * Settings of the broker's identity, its listeners and its connections, and the bounds on what a client may ask.
 * Names, defaults and ranges are Apache Kafka 4.4's unless `ours` or the documentation says otherwise.
 */
import { parseIpOverrides, parseListener, parseProtocolMap } from './listener-syntax.ts'
import { int, intMaximum, list, long, string } from './setting.ts'

function firstProblem(values: readonly string[]): string | undefined {
  for (const value of values) {
    const parsed = parseListener(value)
    if (typeof parsed === 'string') return parsed
  }
  return undefined
}

const listenerForm = 'NAME://host:port, separated by commas'

export const networkSettings = {
  'node.id': int(1, {
    atLeast: 0,
    importance: 'high',
    documentation: 'The id of this broker. It is written into the data directory, which stays bound to it.',
  }),
  'broker.id': int(-1, {
    importance: 'high',
    documentation: 'The older name of node.id, used if node.id is not given. -1 means not given.',
  }),
  'cluster.id': string(null, {
    ours: true,
    importance: 'medium',
    documentation:
      'The id of the cluster, which a new data directory is given; a random one if unset. A directory of another ' +
      'cluster stops the start. CLUSTER_ID in the environment sets it too.',
  }),
  'broker.rack': string(null, {
    importance: 'medium',
    documentation: 'The rack or zone of this broker, answered to clients in Metadata.',
  }),
  'process.roles': list(['broker', 'controller'], {
    choices: ['broker', 'controller'],
    importance: 'high',
    documentation: 'Ottla is always both roles in one process; the list must contain broker.',
    problem: roles => (roles.includes('broker') ? undefined : 'List must contain broker'),
  }),
  listeners: list(['PLAINTEXT://:9092'], {
    dynamic: 'per-broker',
    importance: 'high',
    allowed: listenerForm,
    documentation:
      'The addresses to listen on. An empty host means every interface, port 0 any free port. Listeners named in ' +
      'controller.listener.names are not opened. While the broker runs listeners may be added, and those that are not ' +
      'advertised may be taken away; the address of one that stays changes at the next start.',
    problem: firstProblem,
  }),
  'advertised.listeners': list(null, {
    importance: 'high',
    allowed: listenerForm,
    documentation:
      'The addresses that clients are told to connect to, by listener name. Unset, a client is told the address ' +
      'that it reached, which is right wherever no proxy or port mapping lies between.',
    problem: firstProblem,
  }),
  'listener.security.protocol.map': string(
    'PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL',
    {
      dynamic: 'per-broker',
      importance: 'low',
      allowed: 'NAME:PROTOCOL, separated by commas',
      documentation: 'The security protocol of each listener name. Only PLAINTEXT is served yet.',
      problem: text => {
        const parsed = parseProtocolMap(text)
        return typeof parsed === 'string' ? parsed : undefined
      },
    },
  ),
  'controller.listener.names': list([], {
    mayBeEmpty: true,
    importance: 'high',
    documentation:
      'The listeners of the controller. A single node needs none, so listeners of these names are not opened; ' +
      'CONTROLLER counts as one if the list is empty.',
  }),
  'socket.request.max.bytes': int(104857600, {
    atLeast: 1,
    importance: 'high',
    documentation: 'The largest request accepted; a connection that announces a larger one is closed.',
  }),
  'socket.listen.backlog.size': int(50, {
    atLeast: 1,
    importance: 'medium',
    documentation: 'How many connections may wait in the kernel to be accepted.',
  }),
  'max.connections': int(intMaximum, {
    atLeast: 0,
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation: 'The most connections the broker holds; a further one is closed at once.',
  }),
  'max.connections.per.ip': int(intMaximum, {
    atLeast: 0,
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation: 'The most connections from one address; a further one is closed at once.',
  }),
  'max.connections.per.ip.overrides': string('', {
    dynamic: 'cluster-wide',
    importance: 'medium',
    allowed: 'address:count, separated by commas',
    documentation: 'Addresses with a limit of their own in place of max.connections.per.ip.',
    problem: text => {
      const parsed = parseIpOverrides(text)
      return typeof parsed === 'string' ? parsed : undefined
    },
  }),
  'connections.max.idle.ms': long(600000, {
    importance: 'medium',
    documentation: 'A connection on which nothing happened for this long is closed. Negative: never.',
  }),
  'queued.max.request.bytes': long(268435456, {
    importance: 'medium',
    documentation:
      'The most bytes of requests that may be held in memory at once, over all connections; beyond it the broker ' +
      'stops reading until some are answered. -1 lifts the bound, which is what Kafka does by default.',
  }),
  'fetch.max.bytes': int(57671680, {
    atLeast: 1024,
    importance: 'medium',
    documentation: 'The most bytes of records in one Fetch response, whatever the client asked for.',
  }),
  'max.incremental.fetch.session.cache.slots': int(1000, {
    atLeast: 0,
    importance: 'medium',
    documentation:
      'How many incremental fetch sessions the broker keeps; without one a client fetches in full each time.',
  }),
  'max.request.partition.size.limit': int(2000, {
    atLeast: 1,
    importance: 'medium',
    documentation:
      'The most partitions in one DescribeTopicPartitions response, whatever the client asked for.',
  }),
  'telemetry.max.bytes': int(1048576, {
    atLeast: 1,
    importance: 'low',
    documentation: 'The most bytes of metrics that a client may push in one request, compressed or not.',
  }),
  'metrics.port': int(9404, {
    atLeast: -1,
    atMost: 65535,
    ours: true,
    importance: 'medium',
    documentation:
      'The HTTP port that serves /metrics for Prometheus, and /livez and /readyz, on the host of the first ' +
      'listener. 0 takes any free port, -1 turns it off. If the default is taken, the broker goes on without it.',
  }),
  'metrics.max.partitions': int(5000, {
    atLeast: 0,
    ours: true,
    importance: 'low',
    documentation:
      'How many partitions may have series of their own in /metrics, and how many committed offsets. With more than ' +
      'that none has, and there are sums by topic and group only. 0 leaves them out.',
  }),
}
