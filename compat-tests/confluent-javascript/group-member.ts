/**
 * A member of a consumer group, dynamic or static, as a user of @confluentinc/kafka-javascript writes it; run by
 * ../group-under-test.ts. The client does not tell the id that a member has in its group, so its client id stands for
 * it.
 */
import { memberProcess, sessionTimeoutMs } from '../member-process.ts'
import { loadKafka } from './package.ts'

await memberProcess(async ({ bootstrap, groupId, topic, instanceId, assignor }, tell) => {
  const { Kafka, ErrorCodes, logLevel } = await loadKafka()
  // A static member that comes back is described with the client id of the one before it.
  const clientId = `member-${instanceId ?? process.pid}`
  const log = (line: string) => {
    void tell({ event: 'log', line })
    if (!/fatal error/i.test(line)) return
    // Fenced, the client says only this, and tries for ever; to end is up to its user.
    void tell({ event: 'failed', reason: line }).then(() => process.exit(1))
  }
  const ignore = () => undefined
  const logger = { setLogLevel: ignore, debug: ignore, info: ignore, warn: log, error: log }
  const settings = { brokers: [bootstrap], clientId, logLevel: logLevel.WARN }
  const kafka = new Kafka({ kafkaJS: { ...settings, logger: { ...logger, namespace: () => logger } } })
  const owned = new Set<number>()
  const consumer = kafka.consumer({
    kafkaJS: {
      groupId,
      fromBeginning: true,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: 15_000,
      heartbeatInterval: 200,
      maxWaitTimeInMs: 100,
      autoCommitInterval: 200,
      ...(assignor === undefined ? {} : { partitionAssigners: [assignor] }),
    },
    ...(instanceId === undefined ? {} : { 'group.instance.id': instanceId }),
    rebalance_cb: async (error: { code: number }, partitions: { partition: number }[]) => {
      if (error.code !== ErrorCodes.ERR__ASSIGN_PARTITIONS) {
        for (const { partition } of partitions) owned.delete(partition)
        return
      }
      for (const { partition } of partitions) owned.add(partition)
      await tell({ event: 'joined', memberId: clientId, partitions: [...owned].sort((a, b) => a - b) })
    },
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic] })
  await consumer.run({
    eachMessage: ({ partition, message }) =>
      tell({ event: 'record', partition, offset: Number(message.offset), value: String(message.value) }),
  })
  return () => consumer.disconnect()
})
