/**
 * Hands out producer ids from blocks that the catalogue has made durable before. A block is fetched
 * before the one in use runs out, so a producer rarely waits for a disk. What is left of a block when
 * the broker stops is never used: an id given twice would be a false duplicate, and silent loss.
 */
import type { TopicCatalog } from '../storage/topic-catalog.ts'

/** The next block is fetched when so few ids of the current one are left. */
const lowWaterCount = 100

interface Block {
  next: number
  readonly end: number
}

export class ProducerIds {
  private readonly catalog: Pick<TopicCatalog, 'allocateProducerIds'>
  private block: Block = { next: 0, end: 0 }
  private following: Promise<Block> | undefined = undefined

  constructor(catalog: Pick<TopicCatalog, 'allocateProducerIds'>) {
    this.catalog = catalog
  }

  /** An id that nobody was or will be given. Throws what the catalogue throws when it cannot allocate. */
  async next(): Promise<number> {
    while (this.block.next === this.block.end) {
      const following = this.fetchAhead()
      const block = await following
      // Of all that waited for it the first takes the block into use.
      if (this.following === following) {
        this.block = block
        this.following = undefined
      }
    }
    const id = this.block.next++
    // A failure is not lost: it is met again, and reported, when the ids have run out.
    if (this.block.end - this.block.next < lowWaterCount) this.fetchAhead().catch(() => undefined)
    return id
  }

  private fetchAhead(): Promise<Block> {
    if (this.following !== undefined) return this.following
    const following: Promise<Block> = this.catalog
      .allocateProducerIds()
      .then(({ first, count }) => ({ next: first, end: first + count }))
    this.following = following
    following.catch(() => {
      if (this.following === following) this.following = undefined
    })
    return following
  }
}
