/**
 * Several log directories of which one fails: its partitions are offline, the others go on, and a restart has them
 * back when the disk is well.
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import type { Fault } from './fault.ts'
import { hasKcat, topic } from './load.ts'
import { allPartitions, words } from './stage.ts'

const operations = [
  'write',
  'sync',
  'read',
  'readLater',
  'openForRead',
  'openForWrite',
  'replaceFile',
  'list',
] as const

export const logDirectoryFaults: Fault[] = [
  {
    name: 'one of two log directories fails',
    async play(stage) {
      const second = `${stage.directory}-2`
      await stage.startUnderLoad({
        isFaulty: true,
        overrides: { 'log.dirs': `${stage.directory},${second}`, 'metadata.log.dir': stage.directory },
      })
      const lost = partitionsIn(second)
      const others = allPartitions.filter(partition => !lost.includes(partition))
      if (lost.length === 0 || others.length === 0) throw new Error('all partitions are in one directory')
      await stage.broker.tell({
        fail: operations.map(operation => ({ operation, path: `^${second}`, code: 'EIO' })),
      })
      await stage.untilRefused('LEADER_NOT_AVAILABLE')
      await stage.readsAreServed(others)
      // kafkajs sends nothing to a topic of which one partition has no leader, be it Kafka's or ours; librdkafka does.
      for (const partition of hasKcat ? others : []) {
        const { value } = stage.ledger.send('kcat', partition)
        const end = await produceWithKcat(stage.broker.bootstrap, partition, value)
        if (end !== 0)
          stage.violate('not as documented', `partition ${partition} takes no record: kcat ${end}`)
      }
      stage.observed.producers = `${words(stage.load!.refused)}; kcat: no error`
      if (await stage.said(/goes offline|log directory/)) stage.observed.broker = 'the directory is offline'
      await stage.broker.tell({ heal: true })
      await stage.kill9()
      await stage.start({ isFaulty: true })
      await stage.heals('by a restart')
    },
  },
]

function produceWithKcat(bootstrap: string, partition: number, value: string): Promise<number | null> {
  const where = ['-b', bootstrap, '-t', topic, '-p', String(partition)]
  const child = spawn('kcat', ['-P', ...where, '-X', 'message.timeout.ms=5000'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.stdin.end(value)
  return new Promise(resolve => child.once('close', resolve))
}

function partitionsIn(directory: string): number[] {
  return readdirSync(directory)
    .map(name => /^faults-(\d+)$/.exec(name)?.[1])
    .filter(index => index !== undefined)
    .map(Number)
}
