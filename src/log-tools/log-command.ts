/**
 * `ottla log`: looks into a data directory without a broker. `dump` shows what is in the files, `verify` says whether
 * they hold together, `repair` mends what can be mended.
 */
import { relative } from 'node:path'
import type { Command } from 'commander'
import { prepareCompression } from '../../protocol-codecs/compression/compression.ts'
import { prepareCrc32c } from '../../protocol-codecs/crc32c.ts'
import { newCommand, report, UsageError, wholeNumber } from '../commands/command-line.ts'
import { facts, print, printJson, printLine, readableSize, remark, table } from '../commands/output.ts'
import { exitCodes } from '../exit-codes.ts'
import { type Disk, systemDisk } from '../platform/disk.ts'
import { DataDirectoryError } from '../storage/local/data-directory.ts'
import { lockDirectory, ownerOfDirectory } from '../storage/local/directory-lock.ts'
import { type DataTarget, filesIn, findData, NoSuchDataError } from './data-files.ts'
import { dumpFile } from './dump.ts'
import { entryAsJson, entryAsText } from './dump-text.ts'
import { type Finding, remedyText } from './findings.ts'
import { repair } from './repair.ts'
import { findingsOf, type Verification, verify } from './verify.ts'

interface LogFlags {
  readonly json?: boolean
}

interface DumpFlags extends LogFlags {
  readonly records?: boolean
  readonly fromOffset?: number
  readonly toOffset?: number
}

interface RepairFlags extends LogFlags {
  readonly dryRun?: boolean
  readonly execute?: boolean
}

const place = 'a data directory, the directory of a partition, or a file in one'

export function logCommand(): Command {
  const log = newCommand(
    'log',
    'The files of a data directory: show, verify and repair them, without a broker.',
  )
  withExamples(
    log.command('dump').description('show what is in files, in the words of kafka-dump-log'),
    `
ottla log dump data/orders-0 --records
ottla log dump data/orders-0/00000000000000000000.log --records --from-offset 4711 --to-offset 4712
ottla log dump data --json | jq 'select(.type == "batch" and .isValid == false)'`,
  )
    .option('--records', 'with the records of batches')
    .option('--from-offset <offset>', 'only batches that reach this offset', wholeNumber(0))
    .option('--to-offset <offset>', 'only batches that begin before this offset', wholeNumber(0))
    .action((path: string, flags: DumpFlags) => run(path, (disk, target) => dump(disk, target, flags)))

  withExamples(
    log.command('verify').description('say whether files are sound and fit each other; changes nothing'),
    `
ottla log verify data
ottla log verify data/orders-0 --json | jq .damage`,
  ).action((path: string, flags: LogFlags) =>
    run(path, async (disk, target) => {
      refuseIfInUse(target)
      await showVerification(await verify(disk, target), target, flags)
    }),
  )

  withExamples(
    log
      .command('repair')
      .description('mend what can be mended without inventing data; says first what it would do'),
    `
ottla log repair data
ottla log repair data --execute`,
  )
    .option('--dry-run', 'only say what would be done (the default)')
    .option('--execute', 'do it; what is taken out is kept in the folder set-aside of its partition')
    .action((path: string, flags: RepairFlags) =>
      run(path, (disk, target) => repairData(disk, target, flags)),
    )
  return log
}

function withExamples(command: Command, examples: string): Command {
  return command
    .argument('<path>', place)
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExamples:\n${examples.replace(/^/gm, '  ')}`)
}

async function run(path: string, work: (disk: Disk, target: DataTarget) => Promise<void>): Promise<void> {
  try {
    await Promise.all([prepareCrc32c(), prepareCompression()])
    const disk = systemDisk()
    await work(disk, findData(disk, path))
  } catch (error) {
    process.exitCode = reportError(error)
  }
}

function reportError(error: unknown): number {
  if (error instanceof NoSuchDataError) {
    remark(error.message)
    return exitCodes.noInput
  }
  if (error instanceof DataDirectoryError) {
    remark(`${error.message}.`)
    return exitCodes.cannotCreate
  }
  const { code, message, syscall } = error as NodeJS.ErrnoException
  if (syscall !== undefined && code !== undefined && code !== 'EPIPE') {
    remark(`${message}.`)
    return exitCodes.ioError
  }
  return report(error)
}

function refuseIfInUse({ root }: DataTarget): void {
  const owner = root === undefined ? undefined : ownerOfDirectory(root)
  if (owner === undefined) return
  throw new DataDirectoryError(
    `${root} is in use by ${owner}; stop it first, or only look at it with ottla log dump`,
  )
}

/** So much text is gathered before it is written. */
const flushSize = 64 * 1024

async function dump(disk: Disk, target: DataTarget, flags: DumpFlags): Promise<void> {
  const { fromOffset, records = false, toOffset } = flags
  let lines: string[] = []
  let size = 0
  const flush = async () => {
    const text = lines.join('')
    lines = []
    size = 0
    await print(text)
  }
  for (const path of filesOf(disk, target)) {
    for await (const entries of dumpFile(disk, path, { withRecords: records, fromOffset, toOffset })) {
      for (const entry of entries) {
        const line = `${flags.json ? entryAsJson(entry, path) : entryAsText(entry)}\n`
        lines.push(line)
        size += line.length
        if (size >= flushSize) await flush()
      }
    }
  }
  await flush()
}

/** Those of the root first, then partition by partition. */
function filesOf(disk: Disk, { file, isWhole, partitions, root }: DataTarget): string[] {
  if (file !== undefined) return [file]
  const ofRoot = isWhole && root !== undefined ? filesIn(disk, root) : []
  return [...ofRoot, ...partitions.flatMap(({ path }) => filesIn(disk, path))]
}

async function showVerification(
  verification: Verification,
  target: DataTarget,
  { json }: LogFlags,
): Promise<void> {
  const findings = findingsOf(verification, target)
  const damage = findings.filter(({ severity }) => severity === 'damage')
  const { partitions, total } = verification
  if (json) {
    await printJson({
      damage: damage.map(findingAsJson),
      notes: findings.filter(({ severity }) => severity === 'note').map(findingAsJson),
      partitions: partitions.map(({ counts, directory, firstOffset, logEndOffset }) => ({
        topic: directory.topic,
        partition: directory.index,
        firstOffset,
        logEndOffset,
        ...counts,
      })),
    })
  } else {
    const rows = partitions.map(({ counts, directory, findings: found, firstOffset, logEndOffset }) => [
      directory.name,
      counts.segments,
      counts.batches,
      counts.records,
      readableSize(counts.bytes),
      firstOffset,
      logEndOffset,
      found.filter(({ severity }) => severity === 'damage').length,
    ])
    const headings = ['PARTITION', 'SEGMENTS', 'BATCHES', 'RECORDS', 'SIZE', 'FIRST', 'END', 'DAMAGE']
    if (rows.length > 0) await printLine(`${table(headings, rows)}\n`)
    if (findings.length > 0) await printLine(`${findingsAsText(findings, target)}\n`)
    await printLine(
      facts([
        ['Partitions', partitions.length],
        ['Segments', total.segments],
        ['Batches', total.batches],
        ['Records', total.records],
        ['Size', readableSize(total.bytes)],
        ['Damage', damage.length],
        ['Notes', findings.length - damage.length],
      ]),
    )
  }
  if (damage.length > 0) process.exitCode = exitCodes.damaged
}

function findingAsJson({ kind, message, path, position, remedy }: Finding): Record<string, unknown> {
  return {
    file: path,
    position: position ?? null,
    kind,
    message,
    repair: remedy === undefined ? null : remedyText(remedy),
  }
}

/** A finding on two lines: where, and what. */
function findingsAsText(findings: readonly Finding[], { root, partitions }: DataTarget): string {
  const base = root ?? partitions[0]?.path ?? ''
  return findings
    .map(({ kind, message, path, position, severity }) => {
      const where = `${relative(base, path) || '.'}${position === undefined ? '' : ` at ${position}`}`
      return `${severity}: ${kind}: ${where}\n  ${message}.`
    })
    .join('\n')
}

async function repairData(disk: Disk, asked: DataTarget, flags: RepairFlags): Promise<void> {
  // A file is mended with its partition: what follows from it is made anew as well.
  const target = { ...asked, file: asked.partitions.length > 0 ? undefined : asked.file }
  if (flags.dryRun && flags.execute) throw new UsageError('--dry-run and --execute contradict each other')
  if (flags.execute !== true) {
    refuseIfInUse(target)
    await showPlan(await verify(disk, target), target, flags)
    return
  }
  const unlock = target.root === undefined ? () => {} : lockDirectory(target.root)
  try {
    const before = await verify(disk, target)
    await showPlan(before, target, flags)
    const problems = await repair(disk, target, before)
    const after = findingsOf(await verify(disk, target), target)
    const left = after.filter(({ severity }) => severity === 'damage')
    if (!flags.json) {
      for (const problem of problems) await printLine(`not done: ${problem}.`)
      const outcome = left.length === 0 ? 'No damage is left.' : findingsAsText(left, target)
      await printLine(`\nRepaired. ${outcome}`)
    }
    process.exitCode = left.length > 0 ? exitCodes.damaged : exitCodes.ok
  } finally {
    unlock()
  }
}

async function showPlan(
  verification: Verification,
  target: DataTarget,
  { execute = false, json }: RepairFlags,
): Promise<void> {
  const findings = findingsOf(verification, target)
  const isMended = ({ remedy }: Finding) => remedy !== undefined
  const unmended = findings.filter(finding => finding.severity === 'damage' && !isMended(finding))
  if (json) {
    const steps = findings.filter(isMended).map(findingAsJson)
    await printJson({ executed: execute, steps, unrepaired: unmended.map(findingAsJson) })
  } else {
    if (findings.length === 0) await printLine('Nothing is wrong.')
    for (const finding of findings.filter(isMended)) {
      await printLine(findingsAsText([finding], target))
      await printLine(`  ${execute ? 'repair' : 'would'}: ${remedyText(finding.remedy!)}`)
    }
    if (unmended.length > 0) {
      await printLine(`\nCannot be repaired without inventing data:\n${findingsAsText(unmended, target)}`)
    }
    if (!execute && findings.some(isMended)) await printLine('\nNothing was changed; --execute does it.')
  }
  if (findings.some(({ severity }) => severity === 'damage')) process.exitCode = exitCodes.damaged
}
