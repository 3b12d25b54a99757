/**
 * What no broker that keeps to Kafka's formats can notice, each with the reason. Narrow on purpose: what is not
 * described here counts as a violation when nobody noticed it. docs/log-tools.md lists the
 * same for users, in the same words.
 */
import type { Damage } from './damage.ts'
import type { TrialResult } from './trial.ts'

interface Rule {
  readonly reason: string
  readonly state?: 'crashed'
  readonly file: RegExp
  readonly kinds: readonly Damage['kind'][]
  /** What may be different, by names of observations. */
  readonly differences: RegExp
}

export const rules: readonly Rule[] = [
  {
    reason: 'the cluster id in meta.properties has no checksum, and nothing else knows it',
    file: /^meta\.properties$/,
    kinds: ['flip'],
    differences: /^cluster id$/,
  },
  {
    reason:
      'after a crash a log may end behind any batch that no checkpoint covers, since a power loss takes what was not synced',
    state: 'crashed',
    file: /^__(consumer_offsets|cluster_metadata)-0\/\d+\.log$/,
    kinds: ['cut'],
    differences: /^(committed by|groups|members of|topic|next producer id)/,
  },
]

export function undetectable(
  state: 'clean' | 'crashed',
  { file, kind }: Damage,
  { different }: TrialResult,
): string | undefined {
  const rule = rules.find(
    rule => rule.file.test(file) && rule.kinds.includes(kind) && (rule.state ?? state) === state,
  )
  return rule !== undefined && different.every(name => rule.differences.test(name)) ? rule.reason : undefined
}
