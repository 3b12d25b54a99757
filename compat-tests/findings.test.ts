import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { apacheKafkaBeforeRemovals, apacheKafkaVersion } from '../scripts/apache-kafka.ts'
import { clients, suiteOf } from './clients.ts'

/** Such as "Apache Kafka 4.4.0 first, the whole suite: 48 passed, 0 failed, 8 not in the client." */
const wholeRun =
  /Apache Kafka (\d+\.\d+\.\d+)(?:(?!Apache Kafka \d).){0,120}?, the whole suite: (\d+) passed, (\d+) failed(?:, (\d+) skipped)?(?:, (\d+) not in the client)?\./g

t.test('the findings of each client say how Apache Kafka did in the suite as it is now', async t => {
  for (const client of await clients()) {
    const findings = await readFile(join('compat-tests', client, 'FINDINGS.md'), 'utf8')
    const { capabilities } = await suiteOf(client)
    const runs = [...findings.replaceAll(/\s+/g, ' ').matchAll(wholeRun)]
    t.not(runs.length, 0, `${client} was held against Apache Kafka`)
    for (const [, release, ...counts] of runs) {
      t.ok([apacheKafkaVersion, apacheKafkaBeforeRemovals].includes(release!), `${client}: ${release} is had`)
      const told = counts.reduce((sum, count = '0') => sum + Number(count), 0)
      t.equal(told, capabilities.length, `npm run compat -- ${client} --against apache-kafka, then say so`)
    }
  }
})
