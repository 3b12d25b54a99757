/**
 * Tests of the `ottla` command as users run it: the CommonJS build in a process of its own. Like every test they
 * run from the project's root, after the build.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import { settingsAsMarkdown } from './settings/settings-document.ts'
import { version } from './version.ts'

const command = resolve('dist/cjs/src/main.js')

/** Variables that would set settings stay out. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(KAFKA_|OTTLA_|CLUSTER_ID$)/.test(name)),
)

function ottla(...words: string[]) {
  return spawnSync(process.execPath, [command, ...words], {
    encoding: 'utf8',
    env: environment,
    timeout: 10000,
  })
}

const anyPort = ['--override', 'listeners=PLAINTEXT://127.0.0.1:0']
const noMetrics = ['--override', 'metrics.port=-1']

/** Starts a broker and answers once its ready line is out. */
async function startOttla(t: Test, ...words: string[]) {
  const child: ChildProcess = spawn(process.execPath, [command, 'start', ...words], { env: environment })
  t.teardown(() => child.kill('SIGKILL'))
  let errors = ''
  child.stderr?.on('data', chunk => {
    errors += chunk
  })
  const lines: string[] = []
  const output = createInterface({ input: child.stdout! })
  output.on('line', line => lines.push(line))
  await Promise.race([once(output, 'line'), once(child, 'exit')])
  return { child, lines, errors: () => errors }
}

t.test('the version is that of the package', async t => {
  t.equal(version, JSON.parse(readFileSync('package.json', 'utf8')).version)
  const { stdout, status } = ottla('--version')
  t.same([stdout, status], [`${version}\n`, 0])
})

t.test('help names the commands, the flags of start and the settings most used', async t => {
  const help = ottla('--help')
  t.equal(help.status, 0)
  for (const expected of [
    'start',
    '--config <file>',
    '--override <key=value>',
    'log.segment.bytes=1073741824',
  ]) {
    t.ok(help.stdout.includes(expected), expected)
  }
  t.match(ottla('start', '--help').stdout, /--log-level <level>/)
})

t.test('a command line that makes no sense exits with 64', async t => {
  for (const words of [
    ['--no-such-flag'],
    ['brew'],
    ['start', '--log-level', 'loud'],
    ['start', '--config'],
  ]) {
    const { status, stderr, stdout } = ottla(...words)
    t.same([status, stdout], [exitCodes.usage, ''], words.join(' '))
    t.match(stderr, /^error: /)
  }
})

t.test('a file of settings that cannot be read exits with 66', async t => {
  const { status, stderr } = ottla('--config', '/no/such/server.properties')
  t.equal(status, exitCodes.noInput)
  t.match(stderr, /^ottla: Cannot read the settings in \/no\/such\/server.properties: .*ENOENT/)
  const env = { ...environment, OTTLA_CONFIG: '/no/such/server.properties' }
  const byVariable = spawnSync(process.execPath, [command, 'start'], {
    encoding: 'utf8',
    env,
    timeout: 10000,
  })
  t.same([byVariable.status, byVariable.stderr], [exitCodes.noInput, stderr], 'named by OTTLA_CONFIG, too')
})

t.test('bad settings exit with 78 and one sentence each', async t => {
  const path = join(t.testdir({ 'server.properties': 'num.partitions=none\n' }), 'server.properties')
  const { status, stderr, stdout } = ottla('--config', path, '--override', 'log.segment.bytes=5')
  t.same([status, stdout], [exitCodes.config, ''])
  t.same(stderr.split('\n'), [
    `ottla: num.partitions cannot be 'none' (${path}:1): Not a number of type INT. Allowed: int in [1,...].`,
    "ottla: log.segment.bytes cannot be '5' (--override): Value must be at least 1048576. Allowed: int in [1048576,...].",
    '',
  ])
})

t.test('a started broker says so in one line on stdout and stops on a signal with 0', async t => {
  const directory = join(t.testdir(), 'new')
  const broker = await startOttla(
    t,
    ...anyPort,
    '--override',
    `log.dirs=${directory}`,
    '--override',
    'no.such=1',
  )
  const ready = /^Ottla (\S+) listening on 127\.0\.0\.1:(\d+); data in (.+); started in (\d+) ms$/
  const [, shownVersion, port, shownDirectory] = ready.exec(broker.lines[0] ?? '') ?? []
  t.same([shownVersion, shownDirectory], [version, directory], `${broker.lines[0]}${broker.errors()}`)

  const socket = connect(Number(port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')

  t.test('while a second one on the same directory or port says what is wrong', async t => {
    const sameDirectory = ottla(...anyPort, ...noMetrics, '--override', `log.dirs=${directory}`)
    t.equal(sameDirectory.status, exitCodes.cannotCreate)
    t.match(sameDirectory.stderr, /^ottla: .* is in use by /)
    const samePort = ottla(
      ...['--override', `listeners=PLAINTEXT://127.0.0.1:${port}`],
      ...[...noMetrics, '--override', `log.dirs=${t.testdir()}`],
    )
    t.equal(samePort.status, exitCodes.unavailable)
    t.match(samePort.stderr, /^ottla: Cannot listen on PLAINTEXT:.*[.?]\n$/)
  })

  broker.child.kill('SIGTERM')
  const [status] = await once(broker.child, 'exit')
  t.same([status, broker.lines.length], [exitCodes.ok, 1])
  const log = broker
    .errors()
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.match(log[0], { level: 'warn', msg: /Unknown setting no.such/ })
  t.match(log.at(-1), { level: 'info', msg: 'Stopped' })
})

t.test('a data directory that cannot be made exits with 73', async t => {
  const file = join(t.testdir({ file: '' }), 'file')
  writeFileSync(file, 'not a directory')
  const { status, stderr } = ottla(...anyPort, '--override', `log.dirs=${file}/data`)
  t.equal(status, exitCodes.cannotCreate, stderr)
  t.match(stderr, /ottla: The data directory cannot be used: E/)
})

t.test('errors that nobody foresaw are told apart from those of the system', async t => {
  t.equal(exitCodeOf('thrown'), exitCodes.software)
  t.equal(exitCodeOf(new TypeError('x')), exitCodes.software)
  t.equal(
    exitCodeOf(Object.assign(new Error(), { code: 'EACCES', syscall: 'listen' })),
    exitCodes.unavailable,
  )
  t.equal(
    exitCodeOf(Object.assign(new Error(), { code: 'ENOSPC', syscall: 'write' })),
    exitCodes.cannotCreate,
  )
})

t.test('settings are printed as text and as Markdown, and docs/settings.md is up to date', async t => {
  t.match(
    ottla('settings').stdout,
    /log\.roll\.hours {2}\(int; default 168; allowed \[1,...\]\)\n {4}The age/,
  )
  t.equal(ottla('settings', '--markdown').stdout, settingsAsMarkdown())
  t.equal(
    readFileSync('docs/settings.md', 'utf8'),
    settingsAsMarkdown(),
    'npm run build && node dist/esm/scripts/settings-doc.js',
  )
})

t.test('the thread pool gets its size before anything else is loaded', async t => {
  const firstRequire = /require\("([^"]+)"\)/.exec(readFileSync(command, 'utf8'))?.[1]
  t.equal(firstRequire, './thread-pool-size.js')
})
