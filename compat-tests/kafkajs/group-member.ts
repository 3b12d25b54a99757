/**
 * One member of a consumer group in a process of its own, so that it can be killed, stopped and continued like
 * any user's service. Started by group-members.ts with its settings as the only argument; tells over IPC what it
 * was assigned and every record that it handled, and leaves the group when told to.
 */
import kafkajs from 'kafkajs'

export interface MemberSettings {
  bootstrap: string
  groupId: string
  topic: string
  sessionTimeoutMs: number
}

export type MemberEvent =
  | { event: 'joined'; memberId: string; partitions: number[] }
  | { event: 'record'; partition: number; offset: number; value: string }
  | { event: 'left' }
  | { event: 'log'; line: string }

async function main(): Promise<void> {
  const { bootstrap, groupId, topic, sessionTimeoutMs } = JSON.parse(process.argv[2]!) as MemberSettings
  const tell = (event: MemberEvent) =>
    new Promise<void>(resolve => {
      if (process.connected) process.send!(event, () => resolve())
      else process.exit(1)
    })
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
  process.on('message', command => {
    if (command !== 'leave') return
    void consumer
      .disconnect()
      .then(() => tell({ event: 'left' }))
      .finally(() => process.exit(0))
  })
  // Whoever started this is gone when the channel is.
  process.on('disconnect', () => process.exit(1))
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommitInterval: 200,
    eachMessage: async ({ partition, message }) => {
      await tell({ event: 'record', partition, offset: Number(message.offset), value: String(message.value) })
    },
  })
}

await main()
