/** The names under which a broker keeps records of its own, as Kafka has them. */

export const groupMetadataTopic = '__consumer_offsets'
export const transactionStateTopic = '__transaction_state'
export const shareGroupStateTopic = '__share_group_state'
/** The log of the catalogue; not a topic that anybody may create. */
export const clusterMetadataTopic = '__cluster_metadata'

/** The log that stands for other logs' files until they are synced (storage/local/journal.ts); not a topic either. */
export const journalTopic = '__journal'

const internalTopicNames: ReadonlySet<string> = new Set([
  groupMetadataTopic,
  transactionStateTopic,
  shareGroupStateTopic,
])

/** Whether a topic of this name is internal: only the broker writes to it. */
export function isInternalTopicName(name: string): boolean {
  return internalTopicNames.has(name)
}

/** Whether the name is that of a log of the broker's own, which can be no topic. */
export function isReservedTopicName(name: string): boolean {
  return name === clusterMetadataTopic || name === journalTopic
}
