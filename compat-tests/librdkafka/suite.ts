/**
 * librdkafka by its own tests: the library in C under kcat, confluent-kafka-python, @confluentinc/kafka-javascript and
 * many others. What its users do is judged through those.
 */
import type { Capability } from '../capability.ts'
import { ownTests } from '../own-tests.ts'
import { publishedTests } from './published-tests-of-librdkafka.ts'
import { buildTests, runTests } from './test-runner.ts'

export const prepare = buildTests

/** Of the brokers that its tests are made for. */
export const settings = {
  'num.partitions': '4',
  // Two consumers of one program that join a new group are expected to be in its first generation both.
  'group.initial.rebalance.delay.ms': '500',
}

export const capabilities: Capability[] = [
  ownTests({ published: publishedTests, timeLimitMs: 1_800_000, run: runTests }),
]
