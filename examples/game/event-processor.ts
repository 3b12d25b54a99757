/**
 * An event processor: one member of the group that shares the partitions of the events. It holds the last 20 events of
 * each player in its partitions, in memory, and publishes an alert as soon as an event looks like fraud.
 *
 * The order of its steps is what makes it safe to kill: handle a batch, wait until its alerts are acknowledged, then
 * commit the batch's offset. Whoever takes over starts at the committed offset; a batch that was handled but not
 * committed is handled again, and an alert of it is raised again. That is "at least once": nothing is missed, and what
 * comes twice is bounded by one batch of a partition.
 *
 * The memory is not written anywhere, because the log has it already. A member that is given a partition reads it
 * from its beginning to the committed offset without flagging anything, which puts every player's last 20 events where
 * its predecessor had them, and goes on from there.
 */
import kafkajs from 'kafkajs'
import { playPart } from './child-program.ts'
import { type Alert, alertMessage, type GameEvent, publishedAtMs, readEvent } from './events.ts'
import { remember, suspiciousCountries } from './fraud-rule.ts'
import { connectTo, crashOf, type Game, partitionCount, sessionTimeoutMs } from './game.ts'

export interface EventProcessorSettings {
  game: Game
}

export type EventProcessorReport =
  | { about: 'assigned'; partitions: number[] }
  /** It has read this many events of a partition again, to have its players' histories. */
  | { about: 'rebuilt'; partition: number; events: number; tookMs: number }
  /** It has handled these offsets, `to` not included, and is about to commit that. */
  | { about: 'handled'; partition: number; from: number; to: number }
  | { about: 'holding' }

interface PartitionState {
  /** Events below this offset were handled by a predecessor: they are remembered, and not flagged again. */
  liveFrom: number
  /** The only offset that the histories are good for: with every event before it, and none after. */
  nextOffset: number
  takenOverAt: number
  histories: Map<string, GameEvent[]>
}

await playPart<EventProcessorSettings, EventProcessorReport>(async ({ name, game }, parent) => {
  const topic = game.eventsTopic
  const kafka = connectTo(game, name)
  const admin = kafka.admin()
  const alerts = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  const consumer = kafka.consumer({
    groupId: game.processorsGroup,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: 500,
    maxWaitTimeInMs: 250,
  })
  const crash = crashOf(consumer)
  await Promise.all([admin.connect(), alerts.connect(), consumer.connect()])

  const partitions = new Map<number, PartitionState>()
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const assigned = payload.memberAssignment[topic] ?? []
    for (const [partition, { nextOffset, liveFrom }] of partitions) {
      // What was half-way rebuilt starts anew: its live offset may not be the committed one any more.
      if (!assigned.includes(partition) || nextOffset < liveFrom) partitions.delete(partition)
    }
    void parent.tell({ about: 'assigned', partitions: assigned })
  })

  /** Finds out where a partition begins and where its predecessor stopped, and rewinds to the former. */
  async function takeOver(partition: number): Promise<PartitionState> {
    const takenOverAt = performance.now()
    const [offsets, [committed]] = await Promise.all([
      admin.fetchTopicOffsets(topic),
      admin.fetchOffsets({ groupId: game.processorsGroup, topics: [topic] }),
    ])
    const begin = Number(offsets.find(found => found.partition === partition)!.low)
    const stopped = Number(committed!.partitions.find(found => found.partition === partition)?.offset ?? -1)
    const liveFrom = Math.max(begin, stopped)
    if (begin < liveFrom) consumer.seek({ topic, partition, offset: String(begin) })
    const state = { liveFrom, nextOffset: begin, takenOverAt, histories: new Map() }
    partitions.set(partition, state)
    return state
  }

  async function raise(alert: Alert): Promise<void> {
    await alerts.send({ topic: game.alertsTopic, acks: -1, messages: [alertMessage(alert)] })
    if (!parent.hasHeard('hold')) return
    // The worst moment to die: the alert is out and the batch not committed. Here we wait for it.
    await parent.tell({ about: 'holding' })
    await new Promise(() => undefined)
  }

  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: partitionCount,
    eachBatch: async ({ batch, commitOffsetsIfNecessary, isStale }) => {
      const { partition } = batch
      const first = Number(batch.firstOffset())
      const end = Number(batch.lastOffset()) + 1
      let state = partitions.get(partition)
      if (state?.nextOffset !== first) state = await takeOver(partition)
      if (isStale()) return // Rewound: this batch is not the next one any more.

      for (const message of batch.messages) {
        const event = readEvent(message)
        const offset = Number(message.offset)
        const history = state.histories.get(event.player) ?? []
        const countries = offset < state.liveFrom ? undefined : suspiciousCountries(history, event)
        if (countries !== undefined) {
          const { id, player } = event
          const raised = { raisedBy: name, publishedAtMs: publishedAtMs(message) }
          await raise({ id, player, countries, partition, offset, ...raised })
        }
        remember(state.histories, event)
      }
      state.nextOffset = end

      if (first < state.liveFrom && end >= state.liveFrom) {
        const tookMs = performance.now() - state.takenOverAt
        await parent.tell({ about: 'rebuilt', partition, events: state.liveFrom, tookMs })
      }
      if (end <= state.liveFrom) return
      await parent.tell({ about: 'handled', partition, from: Math.max(first, state.liveFrom), to: end })
      await commitOffsetsIfNecessary({
        topics: [{ topic, partitions: [{ partition, offset: String(end) }] }],
      })
    },
  })

  await Promise.race([parent.hears('stop'), crash])
  await consumer.disconnect()
  await Promise.all([alerts.disconnect(), admin.disconnect()])
})
