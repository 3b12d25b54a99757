/**
 * What flows through partitions and through sockets, in plain numbers. The objects hang on what they count (an
 * engine's log, a listener), so counting is an addition without a look-up.
 */

/** Of one partition since its log was opened. The names are those of Kafka's BrokerTopicMetrics. */
export class LogTraffic {
  /** Records that were appended. */
  messagesIn = 0
  bytesIn = 0
  /** Bytes of records that were given to consumers. */
  bytesOut = 0
  /** How often a batch for this partition was to be appended, and how often that was refused. */
  produceRequests = 0
  failedProduceRequests = 0
  /** How often a fetch was answered for this partition, and how often with an error. */
  fetchRequests = 0
  failedFetchRequests = 0
  /** Bytes of batches that were refused because they were too large. */
  bytesRejected = 0
  /** Records that were compressed anew because the topic's compression is not the producer's, or came in an old format. */
  producedConversions = 0
  /** Records that were put into an old format for an old consumer. */
  fetchedConversions = 0
  /** What retention has taken out. */
  deletedSegments = 0
  deletedBytes = 0

  add(other: LogTraffic): void {
    this.messagesIn += other.messagesIn
    this.bytesIn += other.bytesIn
    this.bytesOut += other.bytesOut
    this.produceRequests += other.produceRequests
    this.failedProduceRequests += other.failedProduceRequests
    this.fetchRequests += other.fetchRequests
    this.failedFetchRequests += other.failedFetchRequests
    this.bytesRejected += other.bytesRejected
    this.producedConversions += other.producedConversions
    this.fetchedConversions += other.fetchedConversions
    this.deletedSegments += other.deletedSegments
    this.deletedBytes += other.deletedBytes
  }
}

/** Of all connections of one listener. */
export class SocketTraffic {
  connectionCreations = 0
  /** Closed at once because there were too many; not among the others. */
  refusedConnections = 0
  incomingBytes = 0
  /** Given to the operating system to send. */
  outgoingBytes = 0
}
