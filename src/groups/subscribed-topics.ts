/**
 * The topics that a group's consumers subscribe to, as far as the broker can tell: the members of a
 * group of type "consumer" say so in the metadata of the chosen protocol. Every version of that
 * metadata begins like version 0. What a generation subscribes to is settled when it begins, and holds
 * while the next one is being prepared.
 */
import { decodeMessage } from '../../protocol-codecs/compile-codec.ts'
import { consumerProtocolSubscription } from '../../protocol-codecs/messages/consumer-protocol.ts'
import { DecodeError } from '../../protocol-codecs/wire-reader.ts'
import type { ClassicGroup } from './classic-group.ts'

/** undefined: not known, since the group speaks another protocol or one of its members mumbles. */
export function subscribedTopics(group: ClassicGroup): ReadonlySet<string> | undefined {
  if (group.protocolType !== 'consumer') return undefined
  const topics = new Set<string>()
  for (const member of group.members.values()) {
    const metadata = group.metadataOf(member, group.protocolName)
    try {
      // The int16 version in front; the codec ignores what later versions have behind.
      for (const topic of decodeMessage(consumerProtocolSubscription, 0, metadata.subarray(2)).topics) {
        topics.add(topic)
      }
    } catch (error) {
      if (error instanceof DecodeError) return undefined
      throw error
    }
  }
  return topics
}

/** Whether offsets of the topic are in use; where that cannot be known, a group of consumers is taken to use all. */
export function isSubscribedTo(group: ClassicGroup, topic: string): boolean {
  return group.subscribedTopics?.has(topic) ?? group.protocolType === 'consumer'
}
