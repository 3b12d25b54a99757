/**
 * What a run does to the catalogue: topics are made, changed, given more partitions and deleted, one change at a time
 * beside everything else, and producer ids are taken.
 */
import type { CatalogChange } from '../../storage/topic-catalog.ts'
import { expect } from './violation.ts'
import type { World } from './world.ts'

const topicNames = ['orders', 'events', 'audit']
const mostPartitions = 6

const configValues: Readonly<Record<string, readonly string[]>> = {
  'internal.segment.bytes': ['700', '1200', '4000', '20000'],
  'index.interval.bytes': ['0', '100', '400', '4096'],
  'retention.bytes': ['-1', '-1', '0', '1000', '4000'],
  'retention.ms': ['-1', '-1', '60000', '600000'],
  'segment.ms': ['5000', '120000', '604800000'],
  'file.delete.delay.ms': ['0', '1000', '60000'],
  'write.caching': ['false', 'false', 'true'],
  'flush.messages': ['3', '1000000'],
  'flush.ms': ['1000', '9223372036854775807'],
}

function change(world: World, wanted: CatalogChange): void {
  const { catalog, process } = world
  if (catalog.open !== undefined) return
  const struckBefore = process.struckCount
  catalog.open = wanted
  world.begin(
    world.storage.catalog.change(wanted),
    snapshot => {
      catalog.adopt(snapshot, true, true)
      if (process.struckCount === struckBefore && process.fault === undefined) return
      for (const partition of catalog.partitions()) if (partition.end === 0) partition.mayBeOffline = true
    },
    error => {
      const { name, message } = error as Error
      const isFault = name === 'KAFKA_STORAGE_ERROR' && world.tolerates(struckBefore)
      expect(isFault, 'send failed', () => `${wanted.type}: ${name} ${message}`)
      world.count('storage errors')
      // After an error of a sync it may have been made, and nothing more is until the next start.
      if (!process.hadLastingFault) catalog.open = undefined
    },
  )
}

function someConfigs(world: World, count: number): Record<string, string> {
  const names = Object.keys(configValues)
  const configs: Record<string, string> = {}
  for (let i = 0; i < count; i++) {
    const name = world.random.pick(names)
    configs[name] = world.random.pick(configValues[name]!)
  }
  return configs
}

export function createTopic(world: World): void {
  const { random, catalog } = world
  const name = random.pick(topicNames)
  if (catalog.topics.has(name)) return
  const segmentBytes = random.pick(configValues['internal.segment.bytes']!)
  const configs = { 'internal.segment.bytes': segmentBytes, ...someConfigs(world, 5) }
  change(world, { type: 'create-topic', name, partitionCount: 1 + random.below(4), configs })
}

function someTopic(world: World) {
  const topics = [...world.catalog.topics.values()]
  return topics.length === 0 ? undefined : world.random.pick(topics)
}

export function deleteTopic(world: World): void {
  const topic = someTopic(world)
  if (topic !== undefined) change(world, { type: 'delete-topic', id: topic.id })
}

export function createPartitions(world: World): void {
  const topic = someTopic(world)
  if (topic === undefined || topic.partitions.length >= mostPartitions) return
  const partitionCount = topic.partitions.length + 1 + world.random.below(2)
  change(world, { type: 'create-partitions', id: topic.id, partitionCount })
}

export function alterConfigs(world: World): void {
  const topic = someTopic(world)
  if (topic === undefined) return
  const configs = someConfigs(world, 1 + world.random.below(2))
  const resource = { type: 'topic' as const, name: topic.name }
  change(world, { type: 'alter-configs', alterations: [{ resource, configs }] })
}

export function allocateProducerIds(world: World): void {
  const { catalog, process } = world
  const struckBefore = process.struckCount
  world.begin(
    world.storage.catalog.allocateProducerIds(),
    ({ first, count }) => {
      expect(first >= catalog.producerIdsBelow, 'id given twice', () => `producer ids from ${first} on`)
      catalog.producerIdsBelow = first + count
    },
    error => expect(world.tolerates(struckBefore), 'send failed', () => (error as Error).message),
  )
}
