/** A short, seeded slice of the fuzzer: damaged requests of every API decode to a value or a DecodeError. */
import t from 'tap'
import { seededRandom } from '../scripts/seeded-random.ts'
import { frameTemplates, fuzzDecoding } from './mutation.fuzz.ts'
import { loadMessages, readVectors } from './vectors/read-vectors.ts'

const seed = Number(process.env.FUZZ_SEED ?? 1)

t.test(`damaged requests fail cleanly or decode (FUZZ_SEED=${seed})`, async t => {
  const messages = await loadMessages(new URL('./messages/', import.meta.url))
  const templates = frameTemplates(readVectors('java-requests.jsonl.gz'), messages)
  const report = fuzzDecoding({ templates, count: 60_000, random: seededRandom(seed) })
  t.same(report.findings, [])
  t.ok(report.reachedBody / report.frames > 0.9, `${report.reachedBody} of ${report.frames} reach a decoder`)
  for (const [apiKey, { reachedBody, frames }] of report.apis) {
    t.ok(reachedBody / frames > 0.9, `API ${apiKey}: ${reachedBody} of ${frames} reach its decoder`)
  }
})
