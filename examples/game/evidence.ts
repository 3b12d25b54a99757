/**
 * Reads back what the game left behind, for the proof: the files of the archive, and the topic of alerts.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ArchivedEvent } from './batch-reader.ts'
import { drain } from './drain.ts'
import { type Alert, readAlert } from './events.ts'
import type { Game } from './game.ts'

export async function readArchive(directory: string): Promise<ArchivedEvent[]> {
  const archived: ArchivedEvent[] = []
  for (const path of await readdir(directory, { recursive: true })) {
    if (!path.endsWith('.ndjson')) continue
    const lines = (await readFile(join(directory, path), 'utf8')).trimEnd().split('\n')
    for (const line of lines) archived.push(JSON.parse(line))
  }
  return archived
}

export async function readAlerts(game: Game): Promise<Alert[]> {
  const alerts: Alert[] = []
  await drain(game, {
    clientId: 'proof',
    topic: game.alertsTopic,
    groupId: game.proofGroup,
    async take(_, messages) {
      for (const message of messages) alerts.push(readAlert(message))
    },
    async finish() {},
  })
  return alerts
}
