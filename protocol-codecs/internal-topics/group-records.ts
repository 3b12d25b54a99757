/** Records of `__consumer_offsets`: committed offsets and classic groups. On disk a key is an int16 record type (the apiKey here) and its fields, a value an int16 version and its fields; a null value is a tombstone. */
import { array, bytes, int32, int64, message, string, uuid } from '../schema.ts'

export const legacyOffsetCommitKey = message(
  'LegacyOffsetCommitKey',
  { apiKey: 0, versions: '0', flexible: 'none' },
  {
    group: string(),
    topic: string(),
    partition: int32(),
  },
)

export const legacyOffsetCommitValue = message(
  'LegacyOffsetCommitValue',
  { apiKey: 0, versions: '0', flexible: 'none' },
  {
    offset: int64(),
    metadata: string(),
    commitTimestamp: int64(),
  },
)

export const offsetCommitKey = message(
  'OffsetCommitKey',
  { apiKey: 1, versions: '0', flexible: 'none' },
  {
    group: string(),
    topic: string(),
    partition: int32(),
  },
)

export const offsetCommitValue = message(
  'OffsetCommitValue',
  { apiKey: 1, versions: '0-4', flexible: '4+' },
  {
    offset: int64(),
    leaderEpoch: int32({ versions: '3+', default: -1, ignorable: true }),
    metadata: string(),
    commitTimestamp: int64(),
    expireTimestamp: int64({ versions: '1', default: -1n, ignorable: true }),
    topicId: uuid({ versions: '4+', ignorable: true, tag: 0 }),
  },
)

export const groupMetadataKey = message(
  'GroupMetadataKey',
  { apiKey: 2, versions: '0', flexible: 'none' },
  {
    group: string(),
  },
)

const memberMetadataFields = {
  memberId: string(),
  groupInstanceId: string({ versions: '3+', nullable: '3+', default: null, ignorable: true }),
  clientId: string(),
  clientHost: string(),
  rebalanceTimeout: int32({ versions: '1+', default: -1, ignorable: true }),
  sessionTimeout: int32(),
  subscription: bytes(),
  assignment: bytes(),
}

export const groupMetadataValue = message(
  'GroupMetadataValue',
  { apiKey: 2, versions: '0-4', flexible: '4+' },
  {
    protocolType: string(),
    generation: int32(),
    protocol: string({ nullable: '0+' }),
    leader: string({ nullable: '0+' }),
    currentStateTimestamp: int64({ versions: '2+', default: -1n, ignorable: true }),
    members: array(memberMetadataFields),
  },
)
