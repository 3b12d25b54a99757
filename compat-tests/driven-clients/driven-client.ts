/**
 * A client that is driven through a driver: how its driver is brought here, what it has several of, and what it has
 * not, each with the reason. And what is expected of such clients, which a test says of itself.
 */
import type { Area } from '../area.ts'
import type { TestContext } from '../capability.ts'
import type { Driver, DriverProgram } from './driver.ts'

/** What one client has and another one has not. */
export type Need =
  | 'idempotence'
  | 'null header values'
  | 'records of nothing'
  | 'instance ids in descriptions'
  | 'append time'
  | 'empty told from null'
  | 'static members'
  | 'fencing of twins'
  | 'cooperative assignor'
  | 'pausing'
  | 'altering group offsets'
  | 'deleting group offsets'
  | 'deleting groups'
  | 'deleting records'

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
