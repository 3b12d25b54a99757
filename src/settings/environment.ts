/**
 * Settings out of environment variables, by the rules of the apache/kafka image: `KAFKA_` is taken off, the rest is
 * put in lower case, `_` becomes `.`, `__` becomes `_` and `___` becomes `-`. So KAFKA_LOG_DIRS is log.dirs.
 * Bitnami's KAFKA_CFG_ prefix is understood too; where both name a setting, the shorter prefix wins. If listeners are
 * not named, they are the advertised ones with host 0.0.0.0. An empty variable counts as not set.
 */
export interface EnvironmentSetting {
  readonly key: string
  readonly value: string
  /** The variable, for messages. */
  readonly variable: string
}

/** Variables of the images and their scripts that are not settings. */
const notSettings = new Set([
  'KAFKA_VERSION',
  'KAFKA_HOME',
  'KAFKA_DEBUG',
  'KAFKA_HEAP_OPTS',
  'KAFKA_OPTS',
  'KAFKA_JVM_PERFORMANCE_OPTS',
  'KAFKA_GC_LOG_OPTS',
  'KAFKA_TOOLS_LOG4J_LOGLEVEL',
])
/** Likewise, and what Kubernetes puts into every pod for a service that is called kafka. */
const notSettingPrefixes = ['KAFKA_LOG4J_', 'KAFKA_JMX_', 'KAFKA_SERVICE_', 'KAFKA_PORT']

export function settingOfVariable(suffix: string): string {
  return suffix.toLowerCase().replaceAll('_', '.').replaceAll('...', '-').replaceAll('..', '_')
}

export function environmentSettings(
  environment: Readonly<Record<string, string | undefined>>,
): EnvironmentSetting[] {
  const found = new Map<string, EnvironmentSetting>()
  const add = (key: string, variable: string, value: string) => found.set(key, { key, value, variable })
  const given = Object.entries(environment).flatMap(([variable, value]) =>
    value === undefined || value.trim() === '' ? [] : [{ variable, value }],
  )
  for (const { variable, value } of given) {
    if (variable.startsWith('KAFKA_CFG_')) add(settingOfVariable(variable.slice(10)), variable, value)
    if (variable === 'CLUSTER_ID' || variable === 'KAFKA_KRAFT_CLUSTER_ID') add('cluster.id', variable, value)
  }
  for (const { variable, value } of given) {
    if (!variable.startsWith('KAFKA_') || variable.startsWith('KAFKA_CFG_')) continue
    if (variable === 'KAFKA_KRAFT_CLUSTER_ID' || notSettings.has(variable)) continue
    if (notSettingPrefixes.some(prefix => variable.startsWith(prefix))) continue
    add(settingOfVariable(variable.slice(6)), variable, value)
  }
  const advertised = found.get('advertised.listeners')
  if (advertised !== undefined && !found.has('listeners')) {
    const everyInterface = advertised.value.replace(/:\/\/(\[[^\]]*\]|[^:]*):/g, '://0.0.0.0:')
    add('listeners', advertised.variable, everyInterface)
  }
  return [...found.values()]
}
