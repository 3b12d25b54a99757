/** Finds what somebody probably meant to type: the candidate with the fewest edits, if they are few (Levenshtein). */
function edits(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[right.length] ?? 0
}

export function similarText(text: string, candidates: readonly string[]): string | undefined {
  // A third of the letters wrong is another word, not a slip; more than 4 never is one.
  let fewest = Math.min(4, Math.floor(text.length / 3)) + 1
  let best: string | undefined
  for (const candidate of candidates) {
    const count = Math.abs(candidate.length - text.length) < fewest ? edits(text, candidate) : fewest
    if (count >= fewest) continue
    fewest = count
    best = candidate
  }
  return best
}
