/** DeleteTopics (API key 20), versions 0-6. */
import { array, int16, int32, message, string, uuid } from '../schema.ts'

export const deleteTopicsRequest = message(
  'DeleteTopicsRequest',
  { apiKey: 20, versions: '0-6', flexible: '4+' },
  {
    topics: array(
      {
        name: string({ versions: '6+', nullable: '6+', default: null }),
        topicId: uuid({ versions: '6+' }),
      },
      { versions: '6+' },
    ),
    topicNames: array(string(), { versions: '0-5', ignorable: true }),
    timeoutMs: int32(),
  },
)

export const deleteTopicsResponse = message(
  'DeleteTopicsResponse',
  { apiKey: 20, versions: '0-6', flexible: '4+' },
  {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    responses: array({
      name: string({ nullable: '6+' }),
      topicId: uuid({ versions: '6+', ignorable: true }),
      errorCode: int16(),
      errorMessage: string({ versions: '5+', nullable: '5+', default: null, ignorable: true }),
    }),
  },
)
