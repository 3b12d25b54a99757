/**
 * A client that is driven through a driver, and the one list of what is expected of every such client. A client
 * says how its driver is brought here, what it has several of, and what it has not, each with the reason: that is a
 * counted skip.
 */
import type { Area } from '../area.ts'
import { type Capability, Skipped, type Suite, type TestContext } from '../capability.ts'
import { administerCapabilities } from './administer.ts'
import { consumeCapabilities } from './consume.ts'
import type { Compression, Driver, DriverProgram } from './driver.ts'
import { startDriver } from './driver.ts'
import { groupCapabilities } from './groups.ts'
import { produceCapabilities } from './produce.ts'
import { restartCapabilities } from './restart.ts'

/** What one client has and another one has not. */
export type Need =
  | 'idempotence'
  | 'acks=0'
  | 'null header values'
  | 'records of nothing'
  | 'instance ids in descriptions'
  | 'record timestamps'
  | 'append time'
  | 'empty told from null'
  | 'static members'
  | 'fencing of twins'
  | 'cooperative assignor'
  | 'pausing'
  | 'commit when told'
  | 'validate only'
  | 'creating partitions'
  | 'cluster description'
  | 'altering configs'
  | 'altering group offsets'
  | 'deleting group offsets'
  | 'deleting groups'
  | 'deleting records'
  | 'automatic topic creation'
  | Compression

export interface DrivenClient {
  /** Its folder in compat-tests. */
  name: string
  /** Brings the client and its driver here, or throws a `Skipped`. */
  prepare(): Promise<DriverProgram>
  /** Its own assignors that stop the world; the first one is the one of the tests of groups. */
  assignors: string[]
  /** Its assignor that does not. */
  cooperative?: string
  /** How long no member of a group may have joined again before what was under way in the client has ended. */
  restMs?: number
  /** Where the client itself now and then fails, so that a change is not to wait for it. */
  notInCi?: readonly Area[]
  lacks: Partial<Record<Need, string>>
}

/** What a test is given beside its context. */
export interface Subject {
  client: DrivenClient
  /** A driver process of the test's own. */
  open(context: TestContext): Driver
}

export interface DrivenCapability {
  name: string
  area?: Area
  needs?: Need[]
  timeLimitMs?: number
  test(subject: Subject, context: TestContext): Promise<void>
}

export function suiteOf(client: DrivenClient): Suite {
  let program: DriverProgram | undefined
  const subject: Subject = { client, open: context => startDriver(context, program!) }
  const expected = [
    ...produceCapabilities,
    ...consumeCapabilities,
    ...groupCapabilities(subject),
    ...administerCapabilities,
    ...restartCapabilities,
  ]
  return {
    async prepare() {
      program = await client.prepare()
    },
    capabilities: expected.map(({ name, area, needs = [], timeLimitMs, test }): Capability => {
      const reason = needs.map(need => client.lacks[need]).find(reason => reason !== undefined)
      return {
        name,
        area,
        ...(area !== undefined && client.notInCi?.includes(area) ? { ci: false } : undefined),
        timeLimitMs,
        test: async context => {
          if (reason !== undefined) throw new Skipped(reason)
          await test(subject, context)
        },
      }
    }),
  }
}
