/**
 * What the operating system denies a process: descriptors, and a directory that another one uses.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { patientClient } from '../workload.ts'
import type { Fault } from './fault.ts'
import { type Stage, words } from './stage.ts'

const descriptorLimit = 128
const manyPartitions = 200
const manyConnections = 300
/** Of a core, while connections are refused and nobody works. */
const idleCpuShare = 0.5

const limited = {
  launcher: ['sh', '-c', `ulimit -n ${descriptorLimit}; exec "$@"`, 'sh'],
}

export const processLimitFaults: Fault[] = [
  {
    name: `${descriptorLimit} descriptors, ${manyConnections} connections`,
    async play(stage) {
      await stage.startUnderLoad(limited)
      const flood = floodWith(stage.broker.port)
      await stage.consumersGoOn()
      await stage.untilAcknowledged()
      stage.observed.producers = words(stage.load!.refused)
      await stage.load!.stop()
      const cpuBefore = stage.broker.cpuSeconds()
      await delay(1000)
      const cpuSeconds = stage.broker.cpuSeconds() - cpuBefore
      if (cpuSeconds > idleCpuShare) stage.violate('not as documented', `${cpuSeconds} s of CPU in 1 s`)
      if (await stage.said(/too many connections|EMFILE/)) stage.observed.broker = 'connections refused'
      flood.end()
      await stage.beginLoad()
      await stage.heals('by itself, when they go')
    },
  },
  {
    name: `${descriptorLimit} descriptors, ${manyPartitions} partitions`,
    async play(stage) {
      await stage.startUnderLoad(limited)
      await stage.withAdmin(admin =>
        admin.createTopics({ topics: [{ topic: 'many', numPartitions: manyPartitions }] }),
      )
      await sendToEach(stage)
      await stage.consumersGoOn()
      await stage.kill9()
      await stage.start(limited)
      await sendToEach(stage)
      const ends = await stage.withAdmin(admin => admin.fetchTopicOffsets('many'))
      const lost = ends.filter(({ high }) => Number(high) < 2)
      if (lost.length > 0) stage.violate('lost', `${lost.length} partitions of many end too early`)
      await stage.untilAcknowledged()
      await stage.consumersGoOn()
      stage.observed.producers = 'no error'
      stage.observed.broker = 'files are closed for others'
      await stage.heals('nothing to heal')
    },
  },
  {
    name: 'two brokers on one directory',
    notices: ['unlocked-directory'],
    async play(stage) {
      await stage.startUnderLoad()
      const { code, sentence } = await stage.startRefused()
      if (code !== 73 || !/in use by process \d+/.test(sentence)) {
        stage.violate('not as documented', `the second ended with ${code}: ${sentence}`)
      }
      stage.observed.producers = words(stage.load!.refused)
      stage.observed.broker = `the second: exit code ${code}, in use`
      await stage.consumersGoOn()
      await stage.untilAcknowledged()
      await stage.kill9()
      await stage.start()
      await stage.heals('the second starts after kill -9')
    },
  },
]

/** One record to each partition of `many`. */
async function sendToEach(stage: Stage): Promise<void> {
  const client = patientClient(stage.broker.bootstrap, 'many')
  const producer = client.producer({ retry: { retries: 5 } })
  await producer.connect()
  const messages = Array.from({ length: manyPartitions }, (_, partition) => ({ partition, value: 'x' }))
  try {
    await producer.send({ topic: 'many', acks: -1, messages })
  } catch (error) {
    stage.violate('not as documented', `a partition of many takes no record: ${(error as Error).message}`)
  } finally {
    await producer.disconnect()
  }
}

/** Connections that do nothing, and come again when they are refused. */
function floodWith(port: number): { end(): void } {
  const sockets = new Set<Socket>()
  let isOver = false
  const open = (): void => {
    if (isOver) return
    const socket = connect(port, '127.0.0.1')
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      sockets.delete(socket)
      setTimeout(open, 100)
    })
  }
  for (let i = 0; i < manyConnections; i++) open()
  return {
    end() {
      isOver = true
      for (const socket of sockets) socket.destroy()
    },
  }
}
