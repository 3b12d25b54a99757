/**
 * The torture scenarios: what is done to the broker at the end of each round (`rounds.ts` plays them).
 *
 * - `kill`: SIGKILL and a restart on the same directory; now and then the restart is killed too, while it recovers.
 * - `torn`: SIGKILL, then the ends of logs and indexes are damaged as a power failure may do it, then a restart.
 * - `restart`: SIGTERM and a restart, as an upgrade does it; nothing may get lost there either.
 * - `freeze`: SIGSTOP for longer than clients' patience with a heartbeat, then SIGCONT.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { topic, torture } from './rounds.ts'
import type { TortureScenario } from './scenario.ts'
import { tearTails } from './torn-tail.ts'

export const kill: TortureScenario = {
  name: 'kill',
  summary: 'kill -9 at random moments under load, restart on the same directory',
  run: context =>
    torture(context, { killsStarts: true }, async (broker, restartBroker) => {
      await broker.kill9()
      return await restartBroker()
    }),
}

export const torn: TortureScenario = {
  name: 'torn',
  summary: 'kill -9, garbage behind the ends of logs and lagging indexes, restart',
  run: context => {
    const random = context.random.fork()
    return torture(context, { killsStarts: false }, async (broker, restartBroker) => {
      await broker.kill9()
      const done = tearTails(broker.logDirectory, topic, random)
      try {
        return await restartBroker()
      } catch (error) {
        context.print(done.join('\n  '))
        throw error
      }
    })
  },
}

export const restart: TortureScenario = {
  name: 'restart',
  summary: 'orderly stop at random moments under load, restart on the same directory',
  run: context =>
    torture(context, { killsStarts: false }, async (broker, restartBroker) => {
      await broker.stop()
      return await restartBroker()
    }),
}

export const freeze: TortureScenario = {
  name: 'freeze',
  summary: 'SIGSTOP for some seconds under load, then SIGCONT',
  run: context => {
    const random = context.random.fork()
    return torture(context, { killsStarts: false }, async broker => {
      process.kill(-broker.pid, 'SIGSTOP')
      await delay(random.between(200, 8000))
      process.kill(-broker.pid, 'SIGCONT')
      return broker
    })
  },
}
