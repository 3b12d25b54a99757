/** Classic groups: members come, agree, work, go and are thrown out, in order and out of it. */
import {
  answerOf,
  awaitThat,
  close,
  finish,
  named,
  type Scenario,
  type SendOptions,
  type Step,
  scenario,
  send,
  since,
  until,
} from '../scenario.ts'

// biome-ignore lint/suspicious/noExplicitAny: values that may stand for others
type Any = any

const protocols = [{ name: 'range', metadata: Buffer.from('of a member') }]
const othersProtocols = [{ name: 'range', metadata: Buffer.from('of another') }]
const timeouts = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: since(1, 30_000) }

export function join(rest: Record<string, unknown> = {}, options: SendOptions = {}): Step {
  const request = {
    groupId: named('g'),
    ...timeouts,
    memberId: '',
    protocolType: 'consumer',
    // Members are told apart by it, and by their client's id.
    protocols: options.on === 'other' ? othersProtocols : protocols,
    ...rest,
  }
  return send('JoinGroup', request as Any, { clientId: options.on ?? 'member', ...options })
}

export function sync(
  generationId: Any,
  memberId: Any,
  rest: Record<string, unknown> = {},
  options: SendOptions = {},
): Step {
  const assignments = [{ memberId, assignment: Buffer.from('work') }]
  return send(
    'SyncGroup',
    { groupId: named('g'), generationId, memberId, assignments, ...rest } as Any,
    options,
  )
}

export function heartbeat(generationId: Any, memberId: Any, rest: Record<string, unknown> = {}): Step {
  return send('Heartbeat', { groupId: named('g'), generationId, memberId, ...rest } as Any)
}

export function leave(memberId: Any, rest: Record<string, unknown> = {}): Step {
  const request = {
    groupId: named('g'),
    memberId: until(2, memberId),
    members: since(3, [{ memberId, ...rest }]),
  }
  return send('LeaveGroup', request as Any)
}

export const describe = (rest: Record<string, unknown> = {}) =>
  send('DescribeGroups', { groups: [named('g')], ...rest } as Any)
const stateIs = (state: string) =>
  awaitThat('DescribeGroups', 4, { groups: [named('g')] } as Any, ['groups', 0, 'groupState'], state)

/** One member, in generation 1, working. */
export const aMember: Step[] = [
  join({}, { at: 3, as: 'member' }),
  sync(1, answerOf('member', 'memberId'), {}, { at: 2, as: 'member works' }),
]
const member = answerOf('member', 'memberId')

/** Another comes while the first works, and both end up in generation 2. */
const twoMembers: Step[] = [
  ...aMember,
  join({}, { at: 3, as: 'other', on: 'other', pending: true }),
  stateIs('PreparingRebalance'),
  join({ memberId: member }, { at: 3, as: 'member again' }),
  finish('other'),
  send(
    'SyncGroup',
    { groupId: named('g'), generationId: 2, memberId: answerOf('other', 'memberId'), assignments: [] } as Any,
    { at: 2, as: 'other syncs', on: 'other', pending: true },
  ),
  send(
    'SyncGroup',
    {
      groupId: named('g'),
      generationId: 2,
      memberId: member,
      assignments: [
        { memberId: member, assignment: Buffer.from('a') },
        { memberId: answerOf('other', 'memberId'), assignment: Buffer.from('b') },
      ],
    } as Any,
    { at: 2, as: 'member syncs' },
  ),
  finish('other syncs'),
]
const other = answerOf('other', 'memberId')

const stranger = 'a-stranger'

export const groupScenarios: Scenario[] = [
  scenario('a member joins, works, stays and leaves', [
    join({}, { as: 'first try' }),
    join({ memberId: answerOf('first try', 'memberId') }, { as: 'member', versions: '4+' }),
    join({ memberId: answerOf('first try', 'memberId') }, { versions: '0-3', as: 'member again' }),
    sync(since(0, 1), answerOf('first try', 'memberId')),
    sync(2, answerOf('first try', 'memberId')),
    describe(),
    describe({ includeAuthorizedOperations: since(3, true) }),
    heartbeat(1, answerOf('first try', 'memberId')),
    heartbeat(2, answerOf('first try', 'memberId')),
    leave(answerOf('first try', 'memberId')),
    describe(),
    heartbeat(1, answerOf('first try', 'memberId')),
    leave(answerOf('first try', 'memberId')),
  ]),
  scenario('a member works', [
    ...aMember,
    describe(),
    send('DescribeGroups', { groups: [named('g'), named('none'), '', named('g')] } as Any),
    send('DescribeGroups', { groups: [] }),
    heartbeat(1, member),
    heartbeat(0, member),
    heartbeat(2, member),
    heartbeat(-1, member),
    heartbeat(1, stranger),
    heartbeat(1, ''),
    heartbeat(1, member, { groupId: named('none') }),
    heartbeat(1, member, { groupId: '' }),
    heartbeat(1, member, { groupInstanceId: since(3, 'not-there') }),
    sync(1, member),
    sync(0, member),
    sync(2, member),
    sync(1, stranger),
    sync(1, ''),
    sync(1, member, { groupId: named('none') }),
    sync(1, member, { groupId: '' }),
    sync(1, member, { protocolType: since(5, 'consumer'), protocolName: since(5, 'range') }),
    sync(1, member, { protocolType: since(5, 'connect'), protocolName: since(5, 'range') }),
    sync(1, member, { protocolType: since(5, 'consumer'), protocolName: since(5, 'roundrobin') }),
    sync(1, member, { groupInstanceId: since(3, 'not-there') }),
    leave(stranger),
    leave(''),
    leave(member, { groupInstanceId: 'not-there' }),
    send('LeaveGroup', {
      groupId: named('none'),
      memberId: until(2, 'x'),
      members: since(3, [{ memberId: 'x' }]),
    } as Any),
    send('LeaveGroup', {
      groupId: '',
      memberId: until(2, 'x'),
      members: since(3, [{ memberId: 'x' }]),
    } as Any),
    send('LeaveGroup', { groupId: named('g'), members: [] } as Any, { versions: '3+' }),
    send(
      'LeaveGroup',
      {
        groupId: named('g'),
        members: [
          { memberId: stranger },
          { memberId: member, reason: since(5, 'enough') },
          { memberId: member },
        ],
      } as Any,
      { versions: '3+' },
    ),
    describe(),
  ]),
  scenario('ways not to join', [
    join({ groupId: '' }),
    join({ sessionTimeoutMs: 0 }),
    join({ sessionTimeoutMs: -1 }),
    join({ sessionTimeoutMs: 5_999 }),
    join({ sessionTimeoutMs: 1_800_001 }),
    join({ memberId: stranger }),
    join({ protocols: [] }),
    join({ protocolType: '' }),
    join({ protocolType: '', protocols: [] }),
    join({ groupInstanceId: since(5, '') }, { versions: '5+' }),
    join({ groupInstanceId: since(5, 'a b') }, { versions: '5+', as: 'a bad instance id' }),
    join({ groupInstanceId: since(5, '.') }, { versions: '5+' }),
    join({ groupInstanceId: since(5, 'x'.repeat(250)) }, { versions: '5+' }),
    join({ memberId: stranger, groupInstanceId: since(5, 'instance') }, { versions: '5+' }),
    describe(),
  ]),
  scenario('joining what others have formed', [
    ...aMember,
    join({ protocols: [{ name: 'roundrobin', metadata: Buffer.alloc(0) }] }),
    join({ protocolType: 'connect' }),
    join({ memberId: stranger }),
    join({ memberId: member, protocolType: 'connect' }),
    join({ memberId: member, protocols: [{ name: 'roundrobin', metadata: Buffer.alloc(0) }] }),
    join(
      {
        memberId: member,
        protocols: [
          { name: 'sticky', metadata: Buffer.from('s') },
          { name: 'range', metadata: Buffer.from('r') },
        ],
      },
      { as: 'with another protocol' },
    ),
    describe(),
  ]),
  scenario('rebalance timeouts that make no sense', [
    join({ rebalanceTimeoutMs: since(1, -1) }, { as: 'a' }),
    join({ groupId: named('h'), rebalanceTimeoutMs: since(1, 0) }),
    join({ groupId: named('i'), rebalanceTimeoutMs: since(1, -5) }),
  ]),
  scenario('a group of two', [
    ...twoMembers,
    describe(),
    heartbeat(2, member),
    heartbeat(1, member),
    heartbeat(2, other),
    sync(2, other),
    join({ memberId: other, protocols: othersProtocols }, { as: 'a follower as it was' }),
    leave(other),
    stateIs('PreparingRebalance'),
    heartbeat(2, member),
    sync(2, member),
    describe(),
    join({ memberId: member }, { as: 'alone' }),
    heartbeat(3, member),
    describe(),
    sync(3, member),
  ]),
  scenario(
    'both members leave in one request',
    [
      ...twoMembers,
      send(
        'LeaveGroup',
        {
          groupId: named('g'),
          members: [{ memberId: other }, { memberId: member }, { memberId: stranger }],
        } as Any,
        { versions: '3+' },
      ),
      describe(),
    ],
    { LeaveGroup: '3+' },
  ),
  scenario('a member joins while another waits', [
    ...aMember,
    join({}, { at: 3, as: 'other', on: 'other', pending: true }),
    stateIs('PreparingRebalance'),
    heartbeat(1, member),
    sync(1, member),
    describe(),
    leave(member),
    finish('other'),
    describe(),
    heartbeat(2, answerOf('other', 'memberId')),
    sync(2, answerOf('other', 'memberId')),
    describe(),
  ]),
  scenario('protocols that members have in common', [
    join(
      {
        protocols: [
          { name: 'a', metadata: Buffer.from('1') },
          { name: 'b', metadata: Buffer.from('2') },
        ],
      },
      { at: 3, as: 'member' },
    ),
    join(
      {
        protocols: [
          { name: 'c', metadata: Buffer.from('3') },
          { name: 'b', metadata: Buffer.from('4') },
        ],
      },
      { as: 'other', on: 'other', pending: true, versions: '0-3' },
    ),
    join(
      {
        protocols: [
          { name: 'c', metadata: Buffer.from('3') },
          { name: 'b', metadata: Buffer.from('4') },
        ],
      },
      { as: 'another', on: 'other', versions: '4+' },
    ),
    join(
      {
        memberId: answerOf('another', 'memberId'),
        protocols: [
          { name: 'c', metadata: Buffer.from('3') },
          { name: 'b', metadata: Buffer.from('4') },
        ],
      },
      { as: 'other', on: 'other', pending: true, versions: '4+' },
    ),
    stateIs('PreparingRebalance'),
    join(
      {
        memberId: member,
        protocols: [
          { name: 'a', metadata: Buffer.from('1') },
          { name: 'b', metadata: Buffer.from('2') },
        ],
      },
      { as: 'agreed' },
    ),
    finish('other'),
    describe(),
  ]),
  scenario('two wait for their leader', [
    ...aMember,
    join({}, { at: 3, as: 'other', on: 'other', pending: true }),
    stateIs('PreparingRebalance'),
    join({ memberId: member }, { at: 3, as: 'member again' }),
    finish('other'),
    heartbeat(2, other),
    send('SyncGroup', { groupId: named('g'), generationId: 2, memberId: other, assignments: [] } as Any, {
      on: 'other',
      pending: true,
      as: 'follower',
    }),
    join({ memberId: member }, { on: 'leader', pending: true, as: 'the leader joins again' }),
    finish('follower'),
    describe(),
    join({ memberId: other, protocols: othersProtocols }, { as: 'and so does the follower' }),
    finish('the leader joins again'),
  ]),
  scenario('the connection of a static member ends while it waits', [
    ...aMember,
    join({ groupInstanceId: 'i' }, { at: 5, as: 'other', on: 'other', pending: true }),
    stateIs('PreparingRebalance'),
    close('other'),
    describe(),
  ]),
  scenario(
    'static members',
    [
      join({ groupInstanceId: 'i' }, { as: 'member', versions: '5+' }),
      sync(1, member, { groupInstanceId: 'i' }, { versions: '3+' }),
      heartbeat(1, member, { groupInstanceId: since(3, 'i') }),
      heartbeat(1, member),
      heartbeat(1, stranger, { groupInstanceId: since(3, 'i') }),
      heartbeat(1, '', { groupInstanceId: since(3, 'i') }),
      heartbeat(1, member, { groupInstanceId: since(3, 'j') }),
      describe(),
      join({ groupInstanceId: 'i' }, { as: 'restarted', versions: '5+' }),
      heartbeat(1, member, { groupInstanceId: since(3, 'i') }),
      heartbeat(1, member),
      heartbeat(1, answerOf('restarted', 'memberId'), { groupInstanceId: since(3, 'i') }),
      sync(1, member, { groupInstanceId: 'i' }, { versions: '3+' }),
      sync(1, answerOf('restarted', 'memberId'), { groupInstanceId: 'i' }, { versions: '3+' }),
      join({ memberId: member, groupInstanceId: 'i' }, { versions: '5+' }),
      describe(),
      join(
        { groupInstanceId: 'i', protocols: [{ name: 'range', metadata: Buffer.from('changed') }] },
        { as: 'with other metadata', versions: '5+' },
      ),
      describe(),
      leave(member, { groupInstanceId: 'i' }),
      leave(stranger, { groupInstanceId: 'i' }),
      leave('', { groupInstanceId: 'i' }),
      describe(),
      leave('', { groupInstanceId: 'i' }),
    ],
    { JoinGroup: '5+', SyncGroup: '3+', Heartbeat: '3+', LeaveGroup: '3+' },
  ),
  scenario(
    'a static member knows its id',
    [
      join({ groupInstanceId: 'i' }, { as: 'member', at: 5 }),
      sync(1, member, { groupInstanceId: 'i' }, { at: 3, as: 'works' }),
      join({ memberId: member, groupInstanceId: 'i' }, { as: 'again' }),
      join({ memberId: member }, { as: 'again, without its name' }),
      describe(),
    ],
    { JoinGroup: '5+' },
  ),
  scenario('groups are deleted', [
    ...aMember,
    send('DeleteGroups', { groupsNames: [named('g')] } as Any),
    send('DeleteGroups', { groupsNames: [named('none'), '', named('g')] } as Any),
    send('DeleteGroups', { groupsNames: [] }),
    leave(member),
    describe(),
    send('DeleteGroups', { groupsNames: [named('g'), named('g')] } as Any),
    send('DeleteGroups', { groupsNames: [named('g')] } as Any),
    describe(),
    heartbeat(1, member),
  ]),
]
