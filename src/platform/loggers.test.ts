/** Tests of the loggers by name: what passes at which level, and what follows root. */
import t from 'tap'
import { Loggers } from './loggers.ts'
import { createLogger } from './pino-logger.ts'

function recorded(level: 'info' | 'silent' = 'info') {
  const lines: string[] = []
  const sink = createLogger({ level: 'debug', readable: true, write: line => lines.push(line) })
  const loggers = new Loggers(sink, level)
  const said = () => lines.splice(0).map(line => line.trimEnd().split(' ').slice(1).join(' '))
  return { loggers, said }
}

t.test('a logger without a level of its own follows root', async t => {
  const { loggers, said } = recorded()
  const network = loggers.logger('network')
  network.debug('unheard')
  network.info('heard')
  t.same(said(), ['INFO  heard'])
  loggers.setLevel('root', 'DEBUG')
  network.debug({ client: 'a' }, 'heard')
  t.same(said(), ['DEBUG heard client=a'])
  t.same(loggers.levels(), [
    ['network', 'DEBUG'],
    ['root', 'DEBUG'],
  ])
})

t.test('a level counts for one logger with all its children, made before or after', async t => {
  const { loggers, said } = recorded()
  const network = loggers.logger('network')
  const child = network.child({ listener: 'PLAINTEXT' })
  const storage = loggers.logger('storage')
  loggers.setLevel('network', 'ERROR')
  for (const logger of [network, child, network.child({}), storage]) logger.warn('about to')
  child.error('failed')
  t.same(said(), ['WARN  about to', 'ERROR failed listener=PLAINTEXT'])
  loggers.setLevel('network', undefined)
  child.info('again')
  t.same(said(), ['INFO  again listener=PLAINTEXT'])
})

t.test('two loggers of one name are one', async t => {
  const { loggers, said } = recorded()
  const before = loggers.logger('storage')
  loggers.setLevel('storage', 'FATAL')
  before.error('unheard')
  loggers.logger('storage').error('unheard')
  t.same(said(), [])
  t.ok(loggers.has('storage'))
  t.notOk(loggers.has('nobody'))
})

t.test('a broker that was started in silence says nothing, and can be made to speak', async t => {
  const { loggers, said } = recorded('silent')
  const logger = loggers.logger('network')
  logger.fatal('unheard')
  t.same(loggers.levels()[0], ['network', 'OFF'])
  loggers.setLevel('network', 'TRACE')
  logger.debug('heard')
  t.same(said(), ['DEBUG heard'])
})
