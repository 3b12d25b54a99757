/**
 * A kafkajs member of a group that others share: kafkajs calls its assignor "RoundRobinAssigner", which nobody else does,
 * so it is given the name that the others know it by. Without a name it is what kafkajs's users get by default.
 */
import kafkajs from 'kafkajs'
import { memberProcess, sessionTimeoutMs } from '../member-process.ts'

const { AssignerProtocol, PartitionAssigners } = kafkajs

/** kafkajs's own assignor under the name of one that Kafka's clients have; they agree on how assignments are written. */
function named(name: string): kafkajs.PartitionAssigner {
  return config => {
    const own = PartitionAssigners.roundRobin(config)
    const { version } = own
    return {
      ...own,
      name,
      protocol: ({ topics }) => ({
        name,
        metadata: AssignerProtocol.MemberMetadata.encode({ version, topics, userData: Buffer.alloc(0) }),
      }),
    }
  }
}

await memberProcess(async ({ bootstrap, groupId, topic, assignor }, tell) => {
  const clientId = `member-${process.pid}`
  const kafka = new kafkajs.Kafka({
    clientId,
    brokers: [bootstrap],
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 20 },
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => entry =>
      void tell({ event: 'log', line: `${entry.label} ${entry.log.message} ${entry.log.error ?? ''}` }),
  })
  const consumer = kafka.consumer({
    groupId,
    partitionAssigners: assignor === undefined ? undefined : [named(assignor)],
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: 15_000,
    heartbeatInterval: 200,
    maxWaitTimeInMs: 100,
  })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    void tell({ event: 'joined', memberId: clientId, partitions: payload.memberAssignment[topic] ?? [] })
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    const { type } = payload.error as kafkajs.KafkaJSProtocolError
    void tell({ event: 'failed', reason: `${type ?? ''} ${payload.error.message}` })
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommitInterval: 200,
    eachMessage: ({ partition, message }) =>
      tell({ event: 'record', partition, offset: Number(message.offset), value: String(message.value) }),
  })
  return () => consumer.disconnect()
})
