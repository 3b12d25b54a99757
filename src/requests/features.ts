/**
 * Feature levels that the broker supports and those in force (KIP-584). A client takes a finalized feature as a promise
 * that its APIs work, so a feature appears here when they do and not before: `group.version` with KIP-848,
 * `transaction.version` with transactions, `share.version` with share groups.
 *
 * The level in force is the one that the catalogue has, from the first start on or since UpdateFeatures set it. A
 * feature that the catalogue says nothing of is newer than the data directory and has the level of this table.
 */
import type { FeatureLevels } from '../storage/topic-catalog.ts'

export interface Feature {
  readonly name: string
  readonly minLevel: number
  readonly maxLevel: number
  /** The level in force where none was set; 0 stands for "not finalized". */
  readonly level: number
}

export const metadataVersionFeature = 'metadata.version'
/** Kafka 4.0-IV3: the last level that asks for nothing beyond the records that Kafka 4.0 writes. */
const metadataVersion = 25
/** Kafka 3.3-IV3, the first that Kafka 4 starts with. */
const firstMetadataVersion = 7

export const features: readonly Feature[] = [
  {
    name: metadataVersionFeature,
    minLevel: firstMetadataVersion,
    maxLevel: metadataVersion,
    level: metadataVersion,
  },
]

/** The levels of `metadata.version` with which other records or fields came: below them there is no way back. */
export const metadataVersionsWithNewRecords: readonly number[] = [7, 8, 11, 13, 14, 15, 17, 23]

export function levelInForce({ name, level }: Feature, { levels }: FeatureLevels): number {
  return levels.get(name) ?? level
}
