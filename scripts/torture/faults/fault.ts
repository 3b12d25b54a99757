/** A fault that is played: what it is called, how it goes, and which planted bugs it is to notice. */
import type { FaultPlant } from './plants.ts'
import type { Stage } from './stage.ts'

export interface Fault {
  readonly name: string
  /** Played on a file system of its own, of this size. */
  readonly fileSystemMb?: number
  readonly notices?: readonly FaultPlant[]
  play(stage: Stage): Promise<void>
}
