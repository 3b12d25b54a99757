/** How many files and connections there may be, by what the system allows. */
import { existsSync } from 'node:fs'
import t from 'tap'
import { descriptorLimit, shareDescriptors } from './descriptor-limit.ts'

t.test('segments and connections share what is not kept back, and each has some', t => {
  const { segments, connections } = shareDescriptors(1024)
  t.ok(segments + connections < 1024)
  t.ok(segments > 400 && connections > 400)
  t.ok(shareDescriptors(10).connections > 0)
  t.ok(shareDescriptors(10).segments > 0)
  t.equal(shareDescriptors(undefined).segments, Number.POSITIVE_INFINITY)
  t.end()
})

t.test('the limit of this process is found where there is /proc', t => {
  const limit = descriptorLimit()
  if (existsSync('/proc/self/limits') && limit !== undefined) t.ok(limit > 16)
  else t.equal(limit, undefined)
  t.end()
})
