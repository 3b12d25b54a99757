/**
 * A group of the classic protocol: its members, its generation and where its rebalance stands; and the
 * offsets committed in its name. A group that only ever committed offsets has no protocol type
 * ("simple" in Kafka). Rules of who may do what are in `join-group.ts` and its neighbours; here is what
 * must hold whatever they do: counts agree with members, the leader is a member, an instance id names
 * one member.
 */
import type { Deadline } from '../coordination/deadlines.ts'
import type { RequestId } from '../coordination/state-machine.ts'
import type { CommittedOffset } from './group-records.ts'

/**
 * Empty: no members, perhaps offsets. PreparingRebalance: waiting for members to (re)join.
 * CompletingRebalance: members know their generation, the leader's assignment is awaited. Stable:
 * assigned. A group that does not exist is described as Dead.
 */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable'

export interface MemberProtocol {
  readonly name: string
  readonly metadata: Buffer
}

export interface Member {
  readonly memberId: string
  /** Of a static member (KIP-345), else null. */
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly protocolType: string
  /** In the order of the member's preference. */
  protocols: readonly MemberProtocol[]
  rebalanceTimeoutMs: number
  sessionTimeoutMs: number
  assignment: Buffer
  /** The JoinGroup that waits for the rebalance, and the SyncGroup that waits for the leader. */
  joinRequest: RequestId | undefined
  syncRequest: RequestId | undefined
  /** Has not been answered since it was added, so waiting alone does not keep it alive: its client may have given up. */
  isNew: boolean
  /** It came with an id that it was given before. */
  readonly cameWithId: boolean
  readonly session: Deadline
}

export const noAssignment: Buffer = Buffer.alloc(0)

export class ClassicGroup {
  readonly groupId: string
  generation = 0
  protocolType: string | null = null
  protocolName: string | null = null
  leaderId: string | null = null
  /** What the generation subscribes to (see `subscribed-topics.ts`), from the moment that it begins. */
  subscribedTopics: ReadonlySet<string> | undefined
  /** By member id, in order of arrival. */
  readonly members = new Map<string, Member>()
  /** Ids that were given out and not yet joined with (KIP-394), with the end of their patience. */
  readonly pendingMembers = new Map<string, Deadline>()
  /** Members that have not sent SyncGroup in this generation. */
  readonly pendingSync = new Set<string>()
  readonly #memberIdByInstance = new Map<string, string>()
  readonly #protocolSupport = new Map<string, number>()
  #joiningCount = 0
  #state: GroupState = 'Empty'
  #previousState: GroupState = 'Empty'
  stateTimestampMs: number | undefined
  /** A member came during the first rebalance, so its delay is extended. */
  newMemberAdded = false
  /** Time that is left for such extensions. */
  initialDelayRemainingMs = 0
  /** End of the join phase, or of the wait for SyncGroup; one deadline each. */
  readonly joinDeadline: Deadline
  readonly syncDeadline: Deadline
  /** By topic and partition. */
  readonly offsets = new Map<string, Map<number, CommittedOffset>>()
  /** Offsets of transactions that have not ended, by producer id (KIP-447). */
  readonly pendingOffsets = new Map<number, Map<string, Map<number, CommittedOffset>>>()
  /** A record of it is in the log, so its removal must be there too. */
  isPersisted = false

  constructor(groupId: string, joinDeadline: Deadline, syncDeadline: Deadline) {
    this.groupId = groupId
    this.joinDeadline = joinDeadline
    this.syncDeadline = syncDeadline
  }

  get state(): GroupState {
    return this.#state
  }
  get previousState(): GroupState {
    return this.#previousState
  }
  transitionTo(state: GroupState, timestampMs: number): void {
    this.#previousState = this.#state
    this.#state = state
    this.stateTimestampMs = timestampMs
  }
  /** As a record tells it, with its own time. */
  restore(state: GroupState, timestampMs: number | undefined): void {
    this.#previousState = state
    this.#state = state
    this.stateTimestampMs = timestampMs
  }

  get joiningCount(): number {
    return this.#joiningCount
  }
  get hasAllMembersJoined(): boolean {
    return this.members.size === this.#joiningCount && this.pendingMembers.size === 0
  }
  get staticMemberIds(): IterableIterator<string> {
    return this.#memberIdByInstance.values()
  }
  memberIdOfInstance(instanceId: string): string | undefined {
    return this.#memberIdByInstance.get(instanceId)
  }

  add(member: Member): void {
    if (this.members.size === 0) this.protocolType = member.protocolType
    if (member.instanceId !== null) this.#memberIdByInstance.set(member.instanceId, member.memberId)
    this.leaderId ??= member.memberId
    this.members.set(member.memberId, member)
    this.#countProtocols(member.protocols, 1)
    if (member.joinRequest !== undefined) this.#joiningCount++
  }

  remove(memberId: string): Member | undefined {
    const member = this.members.get(memberId)
    this.pendingMembers.delete(memberId)
    this.pendingSync.delete(memberId)
    if (member === undefined) return undefined
    this.members.delete(memberId)
    this.#countProtocols(member.protocols, -1)
    if (member.joinRequest !== undefined) this.#joiningCount--
    if (member.instanceId !== null) this.#memberIdByInstance.delete(member.instanceId)
    if (this.leaderId === memberId) this.leaderId = this.members.keys().next().value ?? null
    return member
  }

  /** Puts `successor` in the place of a static member; it leads if that one led. */
  replace(member: Member, successor: Member): void {
    const wasLeader = this.leaderId === member.memberId
    this.remove(member.memberId)
    this.add(successor)
    if (wasLeader) this.leaderId = successor.memberId
  }

  setProtocols(member: Member, protocols: readonly MemberProtocol[]): void {
    this.#countProtocols(member.protocols, -1)
    member.protocols = protocols
    this.#countProtocols(protocols, 1)
  }

  /** The JoinGroup that a member waits with; gives the one that it waited with before. */
  setJoinRequest(member: Member, requestId: RequestId | undefined): RequestId | undefined {
    const before = member.joinRequest
    if (before === undefined && requestId !== undefined) this.#joiningCount++
    if (before !== undefined && requestId === undefined) this.#joiningCount--
    member.joinRequest = requestId
    return before
  }

  #countProtocols(protocols: readonly MemberProtocol[], change: number): void {
    for (const { name } of protocols) {
      const count = (this.#protocolSupport.get(name) ?? 0) + change
      if (count === 0) this.#protocolSupport.delete(name)
      else this.#protocolSupport.set(name, count)
    }
  }

  /** Whether somebody with these protocols would leave the group a protocol that all support. */
  supports(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.#state === 'Empty') return protocolType !== '' && protocols.length > 0
    if (this.protocolType !== protocolType) return false
    return protocols.some(({ name }) => (this.#protocolSupport.get(name) ?? 0) === this.members.size)
  }

  /** Each member votes for the first of its protocols that all support; most votes win, and of equals the first to be named. */
  selectProtocol(): string {
    const votes = new Map<string, number>()
    for (const { protocols } of this.members.values()) {
      const vote = protocols.find(({ name }) => this.#protocolSupport.get(name) === this.members.size)
      if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1)
    }
    let selected: string | undefined
    for (const [name, count] of votes)
      if (selected === undefined || count > votes.get(selected)!) selected = name
    if (selected === undefined)
      throw new Error(`group ${this.groupId} has no protocol that all members support`)
    return selected
  }

  /** What a member said under a protocol; empty if it does not speak it. */
  metadataOf(member: Member, protocolName: string | null): Buffer {
    return member.protocols.find(({ name }) => name === protocolName)?.metadata ?? noAssignment
  }
}

export function sameProtocols(a: readonly MemberProtocol[], b: readonly MemberProtocol[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, metadata }, index) => name === b[index]!.name && metadata.equals(b[index]!.metadata))
  )
}

/** Reads or makes the offsets of a topic. */
export function offsetsOfTopic<T>(offsets: Map<string, Map<number, T>>, topic: string): Map<number, T> {
  let partitions = offsets.get(topic)
  if (partitions === undefined) {
    partitions = new Map()
    offsets.set(topic, partitions)
  }
  return partitions
}
