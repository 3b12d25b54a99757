/** ApiVersions (API key 18), versions 0-5. */
import { array, bool, int16, int32, int64, message, string } from '../schema.ts'

export const apiVersionsRequest = message(
  'ApiVersionsRequest',
  { apiKey: 18, versions: '0-5', flexible: '3+' },
  {
    clientSoftwareName: string({ versions: '3+', ignorable: true }),
    clientSoftwareVersion: string({ versions: '3+', ignorable: true }),
    clusterId: string({ versions: '5+', nullable: '5+', default: null, ignorable: true }),
    nodeId: int32({ versions: '5+', default: -1, ignorable: true }),
  },
)

export const apiVersionsResponse = message(
  'ApiVersionsResponse',
  { apiKey: 18, versions: '0-5', flexible: '3+' },
  {
    errorCode: int16(),
    apiKeys: array({
      apiKey: int16(),
      minVersion: int16(),
      maxVersion: int16(),
    }),
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    supportedFeatures: array(
      {
        name: string({ versions: '3+' }),
        minVersion: int16({ versions: '3+' }),
        maxVersion: int16({ versions: '3+' }),
      },
      { versions: '3+', ignorable: true, tag: 0 },
    ),
    finalizedFeaturesEpoch: int64({ versions: '3+', default: -1n, ignorable: true, tag: 1 }),
    finalizedFeatures: array(
      {
        name: string({ versions: '3+' }),
        maxVersionLevel: int16({ versions: '3+' }),
        minVersionLevel: int16({ versions: '3+' }),
      },
      { versions: '3+', ignorable: true, tag: 2 },
    ),
    zkMigrationReady: bool({ versions: '3+', default: false, ignorable: true, tag: 3 }),
  },
)
