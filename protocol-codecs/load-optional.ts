/**
 * Loads an optional dependency: a package with a prebuilt binary that may be absent, or unable to load, on this
 * machine. The answer is null then and the caller keeps its JavaScript fallback, so nothing here ever fails a start.
 *
 * The package is named by a variable on purpose: the compiler then neither needs its types nor resolves it, and
 * the CommonJS build turns the `import()` into a `require` relative to this file. Packages that are themselves
 * CommonJS arrive under `default` when a module imports them, so that wrapper is taken off.
 */
export async function loadOptional<Api extends object>(packageName: string): Promise<Api | null> {
  try {
    const loaded = (await import(packageName)) as Api & { default?: Api }
    return loaded.default ?? loaded
  } catch {
    return null
  }
}
