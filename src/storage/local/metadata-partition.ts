/** The partition that the catalogue is the log of; Kafka gives its topic this id. */
import { clusterMetadataTopic } from '../internal-topic-names.ts'

export const metadataPartition = {
  topicId: 'AAAAAAAAAAAAAAAAAAAAAQ',
  topic: clusterMetadataTopic,
  index: 0,
}
