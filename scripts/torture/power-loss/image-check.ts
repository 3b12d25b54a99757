/**
 * Starts the real broker on the image of a disk, inside this process (the same `openBroker` as the command's), and asks
 * it as clients would whether it kept what was promised up to a place: every acknowledged record at its offset,
 * nothing that was not produced there, logs that begin and end where they may, producers whose last batch is known
 * when it comes again, committed offsets that did not move back, topics as they were created and deleted, and no
 * producer id that was given before.
 */
import { openBroker } from '../../../src/broker.ts'
import type { Disk } from '../../../src/platform/disk.ts'
import type { BrokerSettings } from '../../../src/settings/broker-settings.ts'
import type { Violation, ViolationKind } from '../record-ledger.ts'
import type { Expected, ExpectedLog } from './expected.ts'
import { recordsOfBatch } from './load.ts'
import { MarkedClient } from './marked-client.ts'
import { committedOffsets, initProducerId, logEdges, produce, readLogs, topicNames } from './requests.ts'

type Report = (kind: ViolationKind, text: string) => void

export async function checkImage(
  settings: BrokerSettings,
  disk: Disk,
  expected: Expected,
  title: string,
): Promise<Violation[]> {
  const violations: Violation[] = []
  const report: Report = (kind, text) => violations.push({ kind, text: `${title}: ${text}` })
  let broker: Awaited<ReturnType<typeof openBroker>>
  try {
    broker = await openBroker(settings, { disk })
  } catch (error) {
    report('does not start', (error as Error).message)
    return violations
  }
  const client = await MarkedClient.connect(broker.listeners[0]!.port)
  try {
    await ask(client, expected, report)
  } catch (error) {
    report('send failed', (error as Error).message)
  } finally {
    client.close()
    await broker.stop()
  }
  return violations
}

async function ask(client: MarkedClient, expected: Expected, report: Report): Promise<void> {
  const names = new Set(await topicNames(client))
  for (const { name, isCertain } of expected.topics) {
    if (isCertain && !names.has(name)) report('topic gone', name)
  }
  for (const name of expected.deletedTopics) if (names.has(name)) report('never sent', `${name} is back`)
  const logs = expected.logs.filter(({ topic }) => names.has(topic))
  const starts = await logEdges(client, logs, 'start')
  const ends = await logEdges(client, logs, 'end')
  const edges = logs.map((log, i) => ({ ...log, start: starts[i]!, end: ends[i]! }))
  const found = await readLogs(client, edges)
  for (const [i, log] of edges.entries()) checkLog(log, found[i]!, report)
  await checkProducers(client, edges, report)

  for (const [group, commits] of expected.commits) {
    const committed = await committedOffsets(client, group)
    for (const [key, { atLeast, atMost }] of commits) {
      const offset = committed.get(key) ?? -1
      if (offset < atLeast) report('commit moved back', `${group} ${key}: ${offset}, not ${atLeast}`)
      if (offset > atMost) report('never sent', `${group} ${key}: a commit of ${offset}, not ${atMost}`)
    }
  }
  const { producerId } = await initProducerId(client)
  if (producerId <= expected.producerId) {
    report('id given twice', `${producerId}, after ${expected.producerId}`)
  }
}

type FoundLog = ExpectedLog & { readonly start: number; readonly end: number }

function checkLog(log: FoundLog, found: readonly { offset: number; value: string }[], report: Report): void {
  const { topic, partition, values, acknowledgedEnd, earliestStart, latestStart, start, end } = log
  const where = `${topic}-${partition}`
  if (end < acknowledgedEnd)
    report('lost', `${where} ends at ${end}, acknowledged was up to ${acknowledgedEnd}`)
  if (end > values.length)
    report('never sent', `${where} ends at ${end}, produced was up to ${values.length}`)
  if (start < earliestStart || start > latestStart) {
    report('wrong log start', `${where} starts at ${start}, not from ${earliestStart} to ${latestStart}`)
  }
  let next = start
  for (const { offset, value } of found) {
    if (offset !== next) report('offset gap', `${where} offset ${offset} follows ${next - 1}`)
    next = offset + 1
    if (value === values[offset]) continue
    const place = values.indexOf(value)
    const isDamaged = place < 0
    report(
      isDamaged ? 'damaged' : 'moved',
      `${where} offset ${offset} has ${isDamaged ? value.slice(0, 60) : place}`,
    )
  }
}

/** The last batch of a producer in each log is sent again. */
async function checkProducers(
  client: MarkedClient,
  logs: readonly FoundLog[],
  report: Report,
): Promise<void> {
  const again = logs.flatMap(({ topic, partition, batches, start, end }) => {
    const last = batches.findLast(({ baseOffset, values }) => baseOffset + values.length <= end)
    if (last === undefined || last.baseOffset < start) return []
    return [{ topic, partition, baseOffset: last.baseOffset, records: recordsOfBatch(last) }]
  })
  if (again.length === 0) return
  const { baseOffsets } = await produce(client, again)
  for (const [i, { topic, partition, baseOffset }] of again.entries()) {
    if (baseOffsets[i] === baseOffset) continue
    report(
      'duplicated',
      `${topic}-${partition}: the batch at ${baseOffset} came again and got ${baseOffsets[i]}`,
    )
  }
}
