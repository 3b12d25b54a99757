/** Records of `__cluster_metadata` that Ottla writes. On disk: unsigned varint 1 (frame version), unsigned varint apiKey, unsigned varint version, then the message (KIP-631). */
import { array, int8, int16, int32, int64, message, string, uuid } from '../schema.ts'

export const topicRecord = message(
  'TopicRecord',
  { apiKey: 2, versions: '0', flexible: '0+' },
  {
    name: string(),
    topicId: uuid(),
  },
)

export const partitionRecord = message(
  'PartitionRecord',
  { apiKey: 3, versions: '0-2', flexible: '0+' },
  {
    partitionId: int32({ default: -1 }),
    topicId: uuid(),
    replicas: array(int32()),
    isr: array(int32()),
    removingReplicas: array(int32()),
    addingReplicas: array(int32()),
    leader: int32({ default: -1 }),
    leaderRecoveryState: int8({ default: 0, tag: 0 }),
    leaderEpoch: int32({ default: -1 }),
    partitionEpoch: int32({ default: -1 }),
    directories: array(uuid(), { versions: '1+' }),
    eligibleLeaderReplicas: array(int32(), { versions: '2+', nullable: '2+', default: null, tag: 1 }),
    lastKnownElr: array(int32(), { versions: '2+', nullable: '2+', default: null, tag: 2 }),
  },
)

export const partitionChangeRecord = message(
  'PartitionChangeRecord',
  { apiKey: 5, versions: '0-2', flexible: '0+' },
  {
    partitionId: int32({ default: -1 }),
    topicId: uuid(),
    isr: array(int32(), { nullable: '0+', default: null, tag: 0 }),
    leader: int32({ default: -2, tag: 1 }),
    replicas: array(int32(), { nullable: '0+', default: null, tag: 2 }),
    removingReplicas: array(int32(), { nullable: '0+', default: null, tag: 3 }),
    addingReplicas: array(int32(), { nullable: '0+', default: null, tag: 4 }),
    leaderRecoveryState: int8({ default: -1, tag: 5 }),
    eligibleLeaderReplicas: array(int32(), { versions: '2+', nullable: '2+', default: null, tag: 6 }),
    lastKnownElr: array(int32(), { versions: '2+', nullable: '2+', default: null, tag: 7 }),
    directories: array(uuid(), { versions: '1+', nullable: '1+', default: null, tag: 8 }),
  },
)

export const removeTopicRecord = message(
  'RemoveTopicRecord',
  { apiKey: 9, versions: '0', flexible: '0+' },
  {
    topicId: uuid(),
  },
)

export const configRecord = message(
  'ConfigRecord',
  { apiKey: 4, versions: '0', flexible: '0+' },
  {
    resourceType: int8(),
    resourceName: string(),
    name: string(),
    value: string({ nullable: '0+' }),
  },
)

export const producerIdsRecord = message(
  'ProducerIdsRecord',
  { apiKey: 15, versions: '0', flexible: '0+' },
  {
    brokerId: int32(),
    brokerEpoch: int64({ default: -1n }),
    nextProducerId: int64(),
  },
)

export const featureLevelRecord = message(
  'FeatureLevelRecord',
  { apiKey: 12, versions: '0', flexible: '0+' },
  {
    name: string(),
    featureLevel: int16(),
  },
)
