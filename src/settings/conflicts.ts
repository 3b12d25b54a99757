/** What is wrong with settings that are each well-formed: at a start, and when one of them is to change later. */
import type { BrokerSettingName, BrokerSettings } from './broker-settings.ts'
import { listenerProblems, type SettingProblem } from './listeners.ts'

export function conflictsOf(settings: BrokerSettings): SettingProblem[] {
  const problems = listenerProblems(settings)
  const report = (name: BrokerSettingName, problem: string) => problems.push({ name, problem })
  const shortest = settings['group.min.session.timeout.ms']
  const longest = settings['group.max.session.timeout.ms']
  if (shortest > longest) {
    report(
      'group.min.session.timeout.ms',
      `${shortest} is more than group.max.session.timeout.ms, which is ${longest}`,
    )
  }
  const brokerId = settings['broker.id']
  if (brokerId !== -1 && brokerId !== settings['node.id']) {
    report('broker.id', `${brokerId} is not node.id, which is ${settings['node.id']}`)
  }
  if (settings['max.connections.per.ip'] === 0 && settings['max.connections.per.ip.overrides'] === '') {
    report(
      'max.connections.per.ip',
      'max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set',
    )
  }
  return problems
}
