/** Bodies of control records: the marker that ends a transaction, and the leader change that opens an epoch of `__cluster_metadata`. */
import { array, int16, int32, message, uuid } from '../schema.ts'

const voterFields = {
  voterId: int32(),
  voterDirectoryId: uuid({ versions: '1+' }),
}

export const leaderChangeMessage = message(
  'LeaderChangeMessage',
  { versions: '0-1', flexible: '0+' },
  {
    version: int16(),
    leaderId: int32(),
    voters: array(voterFields),
    grantingVoters: array(voterFields),
  },
)

export const endTxnMarker = message(
  'EndTxnMarker',
  { versions: '0', flexible: 'none' },
  {
    coordinatorEpoch: int32(),
  },
)
