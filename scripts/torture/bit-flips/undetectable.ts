/**
 * What no broker that keeps to Kafka's formats can notice, each with the reason. Narrow on purpose: what is not
 * described here counts as a violation when nobody noticed it. docs/log-tools.md lists the same for users.
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

const rules: readonly Rule[] = [
  {
    reason: 'meta.properties has no checksum, and nothing else knows the cluster id',
    file: /^meta\.properties$/,
    kinds: ['flip'],
    differences: /^cluster id$/,
  },
  {
    reason: 'after a crash the oldest segment may be missing because retention has removed it',
    state: 'crashed',
    file: /\/0{20}\.log$/,
    kinds: ['removal'],
    differences: /^(start|records) of /,
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
