/**
 * rdkafka by the tests that its crate has: librdkafka for programs in Rust, most of which use it. What users of librdkafka
 * do is judged through other clients.
 */
import { resolve } from 'node:path'
import type { Capability } from '../capability.ts'
import { buildRustTests, type RustTests, runRustTests } from '../driven-clients/rust-tests.ts'
import { ownTests } from '../own-tests.ts'
import { publishedTests } from './published-tests-of-rdkafka.ts'

const tests: RustTests = {
  crate: 'rdkafka',
  package: 'ottla-compat-rdkafka',
  folder: resolve('compat-tests', 'rdkafka'),
  target: resolve('.cache', 'rdkafka-tests'),
}

let program: string

export async function prepare(): Promise<void> {
  program = await buildRustTests(tests)
}

/** Of the broker that its authors test with. */
export const settings = { 'node.id': '0', 'num.partitions': '3' }

export const capabilities: Capability[] = [
  ownTests({
    published: publishedTests,
    timeLimitMs: 900_000,
    run: (context, leftOut) =>
      runRustTests(context, tests, program, {
        arguments: ['--test-threads', '4'],
        environment: { KAFKA_HOST: context.bootstrap, RUST_LOG: 'off' },
        leftOut,
        timeLimitMs: 240_000,
      }),
  }),
]
