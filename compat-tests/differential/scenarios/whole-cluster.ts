/** What is asked of everything that there is: played first, and alone, before the others leave something behind. */
import { answerOf, named, type Scenario, type Step, scenario, send, since } from '../scenario.ts'
import { aMember, leave } from './groups.ts'
import { gone, timeoutMs, topicsToDelete, withRecords, withTopic } from './requests.ts'

// biome-ignore lint/suspicious/noExplicitAny: values that may stand for others
type Any = any
const member = answerOf('member', 'memberId')
const logger = 8
const broker = 4

function alone(name: string, steps: Step[], versions?: Scenario['versions']): Scenario {
  return { ...scenario(name, steps, versions), isAlone: true }
}

const removed: Step[] = [
  send('DeleteTopics', topicsToDelete(named('t')), { at: 4, as: 'removed' }),
  gone('t'),
]

export const wholeClusterScenarios: Scenario[] = [
  alone('all topics', [
    withTopic('t', 2),
    send('Metadata', { topics: null }, { versions: '1+' }),
    send('Metadata', { topics: [] }),
    send('Metadata', { topics: null, includeTopicAuthorizedOperations: since(8, true) }, { versions: '8+' }),
    ...removed,
  ]),
  alone('all partitions page by page', [
    withTopic('t', 2),
    send('DescribeTopicPartitions', { topics: [], responsePartitionLimit: 2 }),
    send('DescribeTopicPartitions', { topics: [] }),
    send('DescribeTopicPartitions', {
      topics: [],
      cursor: { topicName: named('t'), partitionIndex: 1 },
    }),
    ...removed,
  ]),
  alone('all log directories', [
    withTopic('t', 2),
    ...withRecords('t', 3),
    send('DescribeLogDirs', { topics: null }),
    ...removed,
  ]),
  alone('leaders of all partitions', [
    withTopic('t', 2),
    send('ElectLeaders', { electionType: since(1, 0), topicPartitions: null, timeoutMs } as Any),
    ...removed,
  ]),
  alone('which groups there are', [
    send('ListGroups', {}),
    ...aMember,
    send('ListGroups', {}),
    send('ListGroups', { statesFilter: since(4, ['Stable']) }),
    send('ListGroups', { statesFilter: since(4, ['sTABLE', 'Empty']) }),
    send('ListGroups', { statesFilter: since(4, ['NoSuchState']) }),
    send('ListGroups', { statesFilter: since(4, ['']) }),
    send('ListGroups', { typesFilter: since(5, ['classic']) }),
    send('ListGroups', { typesFilter: since(5, ['CONSUMER']) }),
    send('ListGroups', { typesFilter: since(5, ['nothing']) }),
    send('ListGroups', { typesFilter: since(5, ['']) }),
    send('ListGroups', { typesFilter: since(5, ['classic']), statesFilter: since(4, ['Dead']) }),
    leave(member),
    send('ListGroups', { statesFilter: since(4, ['Empty']) }),
    send('DeleteGroups', { groupsNames: [named('g')] } as Any),
    send('ListGroups', {}),
  ]),
  alone('what has configurations', [
    send('ListConfigResources', {}),
    send('ListConfigResources', { resourceTypes: since(1, [broker]) }),
    send('ListConfigResources', { resourceTypes: since(1, [logger]) }),
    send('ListConfigResources', { resourceTypes: since(1, [16]) }),
    send('ListConfigResources', { resourceTypes: since(1, [32]) }),
    send('ListConfigResources', { resourceTypes: since(1, [99]) }),
    send('ListConfigResources', { resourceTypes: since(1, [0]) }),
  ]),
]
