/**
 * Reads `docs/semantics.md`: list items, each a behaviour with the tests that state it, or with the words that it is
 * not served yet. A file is named in backticks, and behind it tests in quotes; `outer › inner` is a test inside another.
 *
 * Tests whose titles are put together are named without what is put in front: `${name}: title` of a contract by its
 * title, and the same title made for several files by all of them, `a, b: title`.
 */

/** An item of the document. */
export interface Behaviour {
  readonly line: number
  readonly text: string
  readonly tests: readonly { readonly path: string; readonly title: string }[]
}

const notServed = /\*not\s+served yet\*/
const namesOfTests = /`([^`]+\.(?:test|contract)\.ts)`((?:\s+"[^"]+")+)/g

export function behavioursIn(document: string): Behaviour[] {
  const found: Behaviour[] = []
  const lines = document.split('\n')
  for (const [index, line] of lines.entries()) {
    if (!line.startsWith('- ')) continue
    let end = index + 1
    while (lines[end]?.startsWith('  ')) end++
    const text = lines
      .slice(index, end)
      .map(part => part.trim())
      .join(' ')
    const tests = [...text.matchAll(namesOfTests)].flatMap(([, path, titles]) =>
      [...titles!.matchAll(/"([^"]+)"/g)].map(([, title]) => ({ path: path!, title: title! })),
    )
    found.push({ line: index + 1, text, tests })
  }
  return found
}

/** Titles of the tests that a file declares. */
export function titlesIn(source: string): Set<string> {
  const titles = new Set<string>()
  const declarations = /\btest\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g
  for (const [, single, double, template] of source.matchAll(declarations)) {
    const written = single ?? double ?? template!.replace(/^\$\{\w+\}: /, '')
    titles.add(written.replace(/\\(.)/g, '$1'))
  }
  return titles
}

/** What is wrong with the document; `sourceOf` gives the text of a file, or undefined where there is none. */
export function problemsOf(document: string, sourceOf: (path: string) => string | undefined): string[] {
  const problems: string[] = []
  for (const { line, tests, text } of behavioursIn(document)) {
    if (tests.length === 0 && !notServed.test(text)) problems.push(`line ${line} names no test`)
    for (const { path, title } of tests) {
      const source = sourceOf(path)
      if (source === undefined) {
        problems.push(`line ${line}: there is no ${path}`)
        continue
      }
      const titles = titlesIn(source)
      for (const part of title.split(' › ')) {
        if (!titles.has(part) && !titles.has(part.replace(/^[\w-]+(?:, [\w-]+)+: /, ''))) {
          problems.push(`line ${line}: ${path} has no test '${part}'`)
        }
      }
    }
  }
  return problems
}
