/** Uuids as Kafka makes them: 22 characters of base64url, not starting with a dash, and none that Kafka means something by. */
import { randomBytes } from 'node:crypto'

export function randomUuid(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-') && !id.startsWith('AAAAAAAAAAAAAAAAAAA')) return id
  }
}
