/**
 * The batch reader: it is started now and then, as by cron, archives what has come since it ran last, and ends. All
 * that it knows of its former runs is what its group has committed.
 *
 * It writes newline-delimited JSON, a file for each hour of the game and partition, whose name holds the first offset
 * in it:
 *
 *     2025-03-01T19/partition-3-from-0000001204.ndjson
 *
 * A file gets its name when it is complete and on the disk, and the offsets are committed after that. A reader that
 * dies in between leaves files behind that are not committed; the next one begins at the same offsets, so it finds
 * the same names and replaces them. So the archive has each event once, although the reader may read it twice.
 */
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { playPart } from './child-program.ts'
import { drain } from './drain.ts'
import { type GameEvent, readEvent } from './events.ts'
import type { Game } from './game.ts'

export interface BatchReaderSettings {
  game: Game
  directory: string
}

export interface BatchReaderReport {
  about: 'archived'
  events: number
  files: number
}

/** A line of the archive. */
export interface ArchivedEvent {
  partition: number
  offset: number
  event: GameEvent
}

await playPart<BatchReaderSettings, BatchReaderReport>(async ({ name, game, directory }, parent) => {
  const files = new Map<string, OpenFile>()
  let events = 0

  await drain(game, {
    clientId: name,
    topic: game.eventsTopic,
    groupId: game.archiveGroup,
    async take(partition, messages) {
      const lines = new Map<OpenFile, string>()
      for (const message of messages) {
        const archived = { partition, offset: Number(message.offset), event: readEvent(message) }
        const file = await fileFor(archived)
        lines.set(file, `${lines.get(file) ?? ''}${JSON.stringify(archived)}\n`)
        events++
      }
      for (const [file, text] of lines) await file.handle.appendFile(text)
    },
    async finish() {
      for (const { handle, path } of files.values()) {
        await handle.sync()
        await handle.close()
        await rename(unfinished(path), path)
      }
    },
  })
  await parent.tell({ about: 'archived', events, files: files.size })

  interface OpenFile {
    path: string
    handle: Awaited<ReturnType<typeof open>>
  }

  async function fileFor({ partition, offset, event }: ArchivedEvent): Promise<OpenFile> {
    const hour = new Date(event.atMs).toISOString().slice(0, '2025-03-01T18'.length)
    const key = `${hour} ${partition}`
    let file = files.get(key)
    if (file === undefined) {
      const fileName = `partition-${partition}-from-${String(offset).padStart(10, '0')}.ndjson`
      const path = join(directory, hour, fileName)
      await mkdir(dirname(path), { recursive: true })
      file = { path, handle: await open(unfinished(path), 'w') }
      files.set(key, file)
    }
    return file
  }

  function unfinished(path: string): string {
    return `${path}.unfinished`
  }
})
