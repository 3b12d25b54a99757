/**
 * A member of a consumer group as a kafkajs user writes it; run by ../group-under-test.ts.
 */
import kafkajs from 'kafkajs'
import { memberProcess, sessionTimeoutMs } from '../member-process.ts'

await memberProcess(async ({ bootstrap, groupId, topic }, tell) => {
  const kafka = new kafkajs.Kafka({
    clientId: `member-${process.pid}`,
    brokers: [bootstrap],
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 20 },
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => entry =>
      void tell({ event: 'log', line: `${entry.label} ${entry.log.message} ${entry.log.error ?? ''}` }),
  })
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: 15_000,
    heartbeatInterval: 200,
    maxWaitTimeInMs: 100,
  })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const { memberId, memberAssignment } = payload
    void tell({ event: 'joined', memberId, partitions: memberAssignment[topic] ?? [] })
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
