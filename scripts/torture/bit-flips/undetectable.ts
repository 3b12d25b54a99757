/**
 * What no broker that keeps to Kafka's formats can notice, each with the reason. Narrow on purpose: what is not
 * described here counts as a violation when nobody noticed it.
 */
import type { Damage } from './damage.ts'
import type { TrialResult } from './trial.ts'

export function undetectable(
  _state: 'clean' | 'crashed',
  _damage: Damage,
  _result: TrialResult,
): string | undefined {
  return undefined
}
