/**
 * Which topics a DeleteTopics may try to delete. Topics are named by name or by id, and a request that names one
 * topic in more than one way is refused for it, in Kafka's way (ControllerApis): once for all its mentions, under the
 * name where there is one. That a topic's id was given, too, is not said a second time.
 */
import type { ErrorName } from '../../protocol-codecs/error-codes.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import type { CatalogSnapshot } from '../storage/topic-catalog.ts'

/** A topic to delete, by its name or by its id; the other one is null or zero. */
export interface TopicToDelete {
  readonly name: string | null
  readonly topicId: string
}
export interface TopicDeletion {
  readonly error: ErrorName
  readonly message: string | null
  readonly name: string | null
  readonly topicId: string
}

export function topicsToDelete(
  topics: readonly TopicToDelete[],
  { topics: byName }: CatalogSnapshot,
): { wanted: TopicToDelete[]; refused: TopicDeletion[] } {
  const refused: TopicDeletion[] = []
  const refuse = (name: string | null, topicId: string, message: string) =>
    refused.push({ error: 'INVALID_REQUEST', message, name, topicId })
  /** Whether they come once only. */
  const names = new Map<string, boolean>()
  const ids = new Map<string, boolean>()
  for (const { name, topicId } of topics) {
    if (name === null && topicId === zeroUuid) {
      refuse(name, topicId, 'Neither the name nor the id of a topic is given.')
    } else if (name === null) ids.set(topicId, !ids.has(topicId))
    else if (topicId === zeroUuid) names.set(name, !names.has(name))
    else refuse(name, topicId, 'A topic is deleted by name or by id, not by both.')
  }
  const wanted: TopicToDelete[] = []
  for (const [name, isOnce] of names) {
    const id = byName.get(name)?.id
    if (!isOnce) refuse(name, zeroUuid, 'The name of the topic is given more than once.')
    else if (id === undefined || !ids.has(id)) wanted.push({ name, topicId: zeroUuid })
    else {
      refuse(name, id, 'The topic is given by its name and by its id.')
      if (ids.get(id)) ids.delete(id)
    }
  }
  for (const [topicId, isOnce] of ids) {
    if (isOnce) wanted.push({ name: null, topicId })
    else refuse(null, topicId, 'The id of the topic is given more than once.')
  }
  return { wanted, refused }
}
