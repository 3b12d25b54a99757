/**
 * UpdateFeatures (KIP-584, KIP-778): sets the levels of features that are in force, all that the request names or none.
 * The checks are those of Kafka's FeatureControlManager, in its order and words, which kafka-features shows to people.
 * As in Kafka the flag of version 0 that allows a downgrade does nothing, and the client's timeout neither.
 */
import { errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import {
  updateFeaturesRequest,
  updateFeaturesResponse,
} from '../../protocol-codecs/messages/update-features.ts'
import type { Infer } from '../../protocol-codecs/schema.ts'
import type { FeatureLevels } from '../storage/topic-catalog.ts'
import { features, levelInForce, metadataVersionFeature, metadataVersionsWithNewRecords } from './features.ts'
import { handler } from './handler.ts'

/** By Kafka's number for each kind of update; 0 is none. */
const upgradeTypes = [undefined, 'UPGRADE', 'SAFE_DOWNGRADE', 'UNSAFE_DOWNGRADE'] as const

type Update = Infer<typeof updateFeaturesRequest>['featureUpdates'][number]

/** The last version that answers for each feature. */
const lastVersionWithResults = 1

export const updateFeatures = handler({
  request: updateFeaturesRequest,
  response: updateFeaturesResponse,
  versions: '0-2',
  ordering: 'sequential',

  async handle({ featureUpdates, validateOnly }, services, { apiVersion }) {
    const { featureLevels } = services.catalog.current()
    const nodeId = services.cluster.view().controllerId
    const updates = new Map(featureUpdates.map(update => [update.feature, update]))
    const levels = new Map<string, number>()
    for (const update of updates.values()) {
      const before = checkedLevel(update, featureLevels, nodeId)
      if (update.maxVersionLevel !== before) levels.set(update.feature, update.maxVersionLevel)
    }
    if (!validateOnly && levels.size > 0)
      await services.catalog.change({ type: 'set-feature-levels', levels })
    const results = featureUpdates.map(({ feature }) => ({
      feature,
      errorCode: errorCodes.NONE,
      // Kafka puts the name of the code where others leave null.
      errorMessage: 'NONE',
    }))
    return {
      throttleTimeMs: 0,
      errorCode: errorCodes.NONE,
      errorMessage: null,
      results: apiVersion <= lastVersionWithResults ? results : [],
    }
  },

  refuse: (_request, error, message) => ({
    throttleTimeMs: 0,
    errorCode: errorCodes[error],
    errorMessage: message,
    results: [],
  }),
})

/** The level that the update replaces; throws where it may not. */
function checkedLevel(
  { feature: name, maxVersionLevel: level, upgradeType }: Update,
  featureLevels: FeatureLevels,
  nodeId: number,
): number {
  const refuse = (reason: string, what = `Invalid update version ${level} for feature ${name}.`): never => {
    const prefix = 'The update failed for all features since the following feature had an error: '
    throw new ProtocolError('INVALID_UPDATE_VERSION', `${prefix}${what} ${reason}`)
  }
  const type = upgradeTypes[upgradeType]
  if (type === undefined) return refuse('The controller does not support the given upgrade type.')
  if (level < 0) return refuse('A feature version cannot be less than 0.')
  const feature = features.find(known => known.name === name)
  if (feature === undefined) {
    return refuse(
      level === 0
        ? `Feature ${name} not found.`
        : `Local controller ${nodeId} does not support this feature.`,
    )
  }
  const { minLevel, maxLevel } = feature
  if (level < minLevel || level > maxLevel) {
    return refuse(`Local controller ${nodeId} only supports versions ${minLevel}-${maxLevel}`)
  }
  const current = levelInForce(feature, featureLevels)
  if (level < current && type === 'UPGRADE') {
    return refuse(
      "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
    )
  }
  if (level > current && type !== 'UPGRADE') return refuse("Can't downgrade to a newer version.")
  if (name === metadataVersionFeature && hasNewRecords(level, current)) {
    return refuse(
      type === 'UNSAFE_DOWNGRADE'
        ? 'Unsafe metadata downgrade is not supported in this version.'
        : 'Refusing to perform the requested downgrade because it might delete metadata information.',
      `Unsupported metadata.version downgrade from ${current} to ${level}.`,
    )
  }
  return current
}

/** Whether what is written at one level of `metadata.version` may not be understood at the other, which is lower. */
function hasNewRecords(level: number, current: number): boolean {
  return metadataVersionsWithNewRecords.some(changed => level < changed && changed <= current)
}
