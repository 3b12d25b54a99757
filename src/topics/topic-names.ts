/**
 * What a topic may be called (Kafka's Topic class): 1 to 249 ASCII letters, digits, '.', '_' and '-',
 * but neither '.' nor '..', so that `name-partition` is a directory name everywhere. Metrics write '.'
 * as '_', so two names that differ only there collide. Pure checks, no state.
 */

/** With '-' and a partition number of five digits behind it, a name of this length is still a file name. */
export const maxTopicNameLength = 249

const legalCharacters = /^[a-zA-Z0-9._-]*$/

/** Why a topic cannot have this name, as a sentence; undefined when it can. */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'A topic name may not be empty.'
  if (name === '.' || name === '..') return `A topic may not be called '${name}'.`
  if (name.length > maxTopicNameLength) {
    return `A topic name has at most ${maxTopicNameLength} characters, this one has ${name.length}.`
  }
  if (!legalCharacters.test(name)) {
    return `Topic name '${name}' has characters other than ASCII letters, digits, '.', '_' and '-'.`
  }
  return undefined
}

/** Two topics whose keys are equal would be one in the names of metrics. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_')
}
