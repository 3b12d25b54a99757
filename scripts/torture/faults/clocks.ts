/**
 * A wall clock that is set while the broker works: groups keep their members, since sessions are measured with a clock
 * that only goes forward, and nothing expires that is not old. Producers stamp their records with their own clocks, so
 * a broker that lags far behind them refuses records from the future, as Kafka does.
 */
import type { Fault } from './fault.ts'
import { groupId } from './load.ts'
import { type Stage, words } from './stage.ts'

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

function goesOn(name: string, offsetMs: number): Fault {
  return {
    name,
    async play(stage) {
      await stage.startUnderLoad({ isFaulty: true, overrides: quick })
      await keepsMembers(stage, () => stage.broker.tell({ clockOffsetMs: offsetMs }))
      stage.observed.producers = words(stage.load!.refused)
      await keepsMembers(stage, () => stage.broker.tell({ clockOffsetMs: 0 }))
      stage.observed.broker = '-'
      await stage.heals('nothing to heal')
      await stage.readsAreServed()
    },
  }
}

/** What looks for something old does so often. */
const quick = {
  'log.retention.check.interval.ms': '300',
  'log.initial.task.delay.ms': '300',
  'offsets.retention.check.interval.ms': '300',
}

export const clockFaults: Fault[] = [
  goesOn('clock 30 minutes back, and right again', -30 * minuteMs),
  goesOn('clock a day forward, and right again', dayMs),
  {
    name: 'clock two days back, and right again',
    async play(stage) {
      await stage.startUnderLoad({ isFaulty: true, overrides: quick })
      await stage.broker.tell({ clockOffsetMs: -2 * dayMs })
      await stage.untilRefused('INVALID_TIMESTAMP')
      await stage.readsAreServed()
      stage.observed.producers = `${words(stage.load!.refused)} (records of the future)`
      await stage.broker.tell({ clockOffsetMs: 0 })
      await stage.heals('when the clock is right')
    },
  },
]

async function keepsMembers(stage: Stage, jump: () => Promise<void>): Promise<void> {
  const before = await membersOf(stage)
  await jump()
  await stage.consumersGoOn()
  await stage.untilAcknowledged()
  const after = await membersOf(stage)
  if (before !== after) stage.violate('not as documented', `members ${before} became ${after}`)
}

async function membersOf(stage: Stage): Promise<string> {
  const { groups } = await stage.withAdmin(admin => admin.describeGroups([groupId]))
  return groups[0]!.members
    .map(({ memberId }) => memberId)
    .sort()
    .join(', ')
}
