import { readFileSync, statSync } from 'node:fs'

type Given = Readonly<Record<string, string>>

/** No secret is that long; a path that names something else is not read into memory. */
const longest = 64 * 1024

/**
 * Takes each variable `X` that is not set from the file that `X_FILE` names, as Secrets are mounted. Exactly one line end is
 * taken off its end, since editors and `echo` leave one; whatever else is in it belongs to the value. Problems tell
 * names and paths, never what a file holds. `files` has the path of each variable that came so.
 */
export function withFiles(
  given: Given,
  names: readonly string[],
): { readonly given: Given; readonly problems: string[]; readonly files: ReadonlyMap<string, string> } {
  const found: Record<string, string> = { ...given }
  const problems: string[] = []
  const files = new Map<string, string>()
  for (const name of names) {
    const variable = `${name}_FILE`
    const path = given[variable]
    // A variable of that name may be one of its own.
    if (path === undefined || names.includes(variable)) continue
    if (given[name] !== undefined) {
      problems.push(`${variable}: is set, and ${name} too. Remove one of them`)
      continue
    }
    const read = contentOf(path)
    if (typeof read === 'string') {
      found[name] = read
      files.set(name, path)
    } else problems.push(`${variable}: ${read.problem}`)
  }
  return { given: found, problems, files }
}

/** Reads a secret from its file, or tells why that cannot be. */
export function contentOf(path: string): string | { readonly problem: string } {
  try {
    const facts = statSync(path)
    if (facts.isDirectory()) return { problem: `names ${path}, which is a directory` }
    if (facts.size > longest) return { problem: `names ${path}, which has more than ${longest} bytes` }
    const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    return text === '' ? { problem: `names ${path}, which is empty` } : text
  } catch (error) {
    return { problem: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  }
}
