/** Tests of the logger: plain lines, JSON lines, levels and silence. */
import t from 'tap'
import { silentLogger } from './logger.ts'
import { createLogger } from './pino-logger.ts'

function recorded(level: 'debug' | 'info' | 'warn', readable: boolean) {
  const lines: string[] = []
  return { lines, logger: createLogger({ level, readable, write: line => lines.push(line) }) }
}

t.test('JSON lines carry the level by name, the time, the message and bound details', async t => {
  const { lines, logger } = recorded('info', false)
  logger.child({ partition: 'orders-0' }).warn({ offset: 7 }, 'Torn tail cut off')
  const line = JSON.parse(lines[0] ?? '')
  t.match(line, { level: 'warn', partition: 'orders-0', offset: 7, msg: 'Torn tail cut off' })
  t.match(line.time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  t.notOk('pid' in line)
})

t.test('readable lines are one line of text, with a stack below if there is an error', async t => {
  const { lines, logger } = recorded('info', true)
  logger.info({ host: 'localhost', port: 9092 }, 'Listening')
  logger.error({ err: new Error('disk full') }, 'Append failed')
  t.match(lines[0], /^\S+Z INFO {2}Listening host=localhost port=9092\n$/)
  t.match(lines[1], /^\S+Z ERROR Append failed\n {4}Error: disk full\n {8}at /)
})

t.test('messages below the level are not written', async t => {
  const { lines, logger } = recorded('warn', true)
  logger.debug('no')
  logger.info('no')
  logger.warn('yes')
  t.equal(lines.length, 1)
})

t.test('the silent logger takes everything, also from its children', async () => {
  silentLogger.child({ a: 1 }).fatal({ err: new Error() }, 'nobody hears this')
})
