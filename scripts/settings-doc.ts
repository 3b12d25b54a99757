/** Writes docs/settings.md from the tables of settings; a test fails while the page is not what they say. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { settingsAsMarkdown } from '../src/settings/settings-document.ts'

mkdirSync('docs', { recursive: true })
writeFileSync('docs/settings.md', settingsAsMarkdown())
