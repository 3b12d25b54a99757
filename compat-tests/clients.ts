/**
 * The clients that there are: every folder beside this file that has a `suite.ts`, in the order of their names.
 */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Suite } from './capability.ts'

const here = dirname(fileURLToPath(import.meta.url))

export async function clients(): Promise<string[]> {
  const entries = await readdir(here, { withFileTypes: true })
  return entries
    .filter(entry => entry.isDirectory() && existsSync(join(here, entry.name, 'suite.js')))
    .map(entry => entry.name)
    .sort()
}

export async function suiteOf(client: string): Promise<Suite> {
  return await import(pathToFileURL(join(here, client, 'suite.js')).href)
}
