/** Reads as much of a Dockerfile as ours has: stages, and their instructions with continued lines joined. */

export interface Instruction {
  readonly name: string
  readonly text: string
}

export interface Stage {
  readonly base: string
  readonly alias: string | undefined
  readonly instructions: readonly Instruction[]
}

export function readDockerfile(content: string): Stage[] {
  const stages: { base: string; alias: string | undefined; instructions: Instruction[] }[] = []
  const lines = content
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
  for (const line of lines) {
    const match = /^([A-Z]+)\s+(.+)$/.exec(line.trim())
    if (match === null) continue
    const [, name, text] = match
    if (name === 'FROM') {
      const [base, , alias] = text!.split(/\s+/)
      stages.push({ base: base!, alias, instructions: [] })
    } else {
      stages.at(-1)!.instructions.push({ name: name!, text: text! })
    }
  }
  return stages
}
