/** The one list of what is expected of every driven client; what a client lacks is told with the reason. */
import { type Capability, Lacking, type Suite } from '../capability.ts'
import { administerCapabilities } from './administer.ts'
import { consumeCapabilities } from './consume.ts'
import type { DrivenClient, Subject } from './driven-client.ts'
import { type DriverProgram, startDriver } from './driver.ts'
import { groupCapabilities } from './groups.ts'
import { produceCapabilities } from './produce.ts'
import { restartCapabilities } from './restart.ts'

export function suiteOf(client: DrivenClient): Suite {
  let program: DriverProgram | undefined
  const subject: Subject = { client, open: context => startDriver(context, program!) }
  const expected = [
    ...produceCapabilities,
    ...consumeCapabilities,
    ...groupCapabilities(subject),
    ...administerCapabilities,
    ...restartCapabilities,
  ]
  return {
    async prepare() {
      program = await client.prepare()
    },
    capabilities: expected.map(({ name, area, needs = [], timeLimitMs, test }): Capability => {
      const reason = needs.map(need => client.lacks[need]).find(reason => reason !== undefined)
      return {
        name,
        area,
        ...(area !== undefined && client.notInCi?.includes(area) ? { ci: false } : undefined),
        timeLimitMs,
        test: async context => {
          if (reason !== undefined) throw new Lacking(reason)
          await test(subject, context)
        },
      }
    }),
  }
}
