/**
 * Feature levels that the broker reports (KIP-584). A client takes a finalized feature as a promise
 * that its APIs work, so a feature appears here when they do and not before: `group.version` with
 * KIP-848, `transaction.version` with transactions, `share.version` with share groups.
 */

export interface Feature {
  readonly name: string
  readonly minLevel: number
  readonly maxLevel: number
  /** The level in force; 0 stands for "not finalized". */
  readonly level: number
}

/** Kafka 4.0-IV3: the last level that asks for nothing beyond the records that Kafka 4.0 writes. */
const metadataVersion = 25
/** Kafka 3.3-IV3, the first that Kafka 4 starts with. */
const firstMetadataVersion = 7

export const features: readonly Feature[] = [
  {
    name: 'metadata.version',
    minLevel: firstMetadataVersion,
    maxLevel: metadataVersion,
    level: metadataVersion,
  },
]

/** Levels never change while a broker of this release runs, so there is one epoch. */
export const finalizedFeaturesEpoch = 1n
