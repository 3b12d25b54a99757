/**
 * A member of a consumer group, dynamic or static, as a user of @platformatic/kafka writes it; run by
 * ../group-under-test.ts. It commits each record after handling it: the client's automatic commit is of what it has
 * fetched, handled or not. A commit refused because the group rebalances ends nothing; a stream destroyed by it is
 * opened again.
 */
import { Consumer } from '@platformatic/kafka'
import { memberProcess, sessionTimeoutMs } from '../member-process.ts'
import { clientOptions } from './client.ts'

await memberProcess(async ({ bootstrap, groupId, topic, instanceId }, tell) => {
  const consumer = new Consumer({
    ...clientOptions(bootstrap),
    clientId: `member-${process.pid}`,
    groupId,
    groupInstanceId: instanceId,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: 15_000,
    heartbeatInterval: 200,
    maxWaitTime: 100,
  })
  consumer.on('consumer:group:join', ({ memberId, assignments = [] }) => {
    const partitions = assignments.find(assignment => assignment.topic === topic)?.partitions ?? []
    void tell({ event: 'joined', memberId, partitions })
  })
  // Fenced, the client goes on fetching what is no longer its own: to end is up to its user.
  const endIfFenced = async (error: unknown) => {
    const reason = describe(error)
    if (!reason.includes('FENCED_INSTANCE_ID')) return await tell({ event: 'log', line: reason })
    await tell({ event: 'failed', reason })
    process.exit(1)
  }
  consumer.on('consumer:heartbeat:error', ({ error }) => void endIfFenced(error))
  let isLeaving = false
  const consume = async (): Promise<void> => {
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false,
    })
    stream.on('error', () => undefined)
    try {
      for await (const message of stream) {
        const { partition, offset, value } = message
        await tell({ event: 'record', partition, offset: Number(offset), value: String(value) })
        await Promise.resolve(message.commit()).catch(endIfFenced)
      }
    } catch (error) {
      await endIfFenced(error)
    }
    if (!isLeaving) await consume()
  }
  void consume()
  return async () => {
    isLeaving = true
    await consumer.close(true)
  }
})

function describe(error: unknown): string {
  const { message, errors = [] } = error as {
    message: string
    errors?: { apiId?: string; message: string }[]
  }
  return [message, ...errors.map(inner => inner.apiId ?? inner.message)].join(': ')
}
