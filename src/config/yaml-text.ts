import { type Document, isScalar, LineCounter, parseAllDocuments, parseDocument, visit } from 'yaml'
import { kubernetesTags } from './kubernetes-tags.ts'

/** A YAML text that was read, or everything that is wrong with it. */
type ReadYaml =
  | {
      readonly ok: true
      readonly value: unknown
      /** The line of the value at `path`, or of the nearest thing around it that is there. */
      readonly lineOf: (path: readonly PropertyKey[]) => number | undefined
    }
  | { readonly ok: false; readonly problems: readonly string[] }

/** Files of this kind have a few kB. Work grows with the text, and this much is read in well under a second. */
export const mostCharacters = 256 * 1024
/** Each alias may stand for a large part of the file, and stand in another one that is repeated. */
const mostAliases = 100
const mostProblems = 20
/** A manifest file has a few documents; reading one takes a part of a millisecond even when nothing is in it. */
const mostDocuments = 200

/**
 * Reads one document. Whatever the text is, the answer comes in under a second and raises nothing: a file that is too
 * large, aliases of nothing or of too much, and nesting beyond the stack are problems like any other.
 */
export function readYaml(text: string): ReadYaml {
  if (text.length > mostCharacters) return wrong([tooLong(text)])
  const lines = new LineCounter()
  try {
    // The library compares each key with every other one; `found` does so in one pass.
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false })
    const problems = [
      ...document.errors.map(({ pos, message }) => at(lines, pos[0], message)),
      ...found(document, lines),
    ]
    if (problems.length > 0) return wrong(problems)
    return {
      ok: true,
      value: document.toJS({ maxAliasCount: mostAliases }),
      lineOf: (path) => lineOf(document, lines, path),
    }
  } catch (error) {
    return wrong([plain(error instanceof Error ? error.message : String(error))])
  }
}

/** The documents of a text, each with the line at which it begins, or everything that is wrong with them. */
export type ReadDocuments =
  | { readonly ok: true; readonly documents: readonly { readonly value: unknown; readonly line: number }[] }
  | { readonly ok: false; readonly problems: readonly string[] }

/**
 * Reads all documents of a manifest as kubectl does: by YAML 1.1 as Go reads it, with merge keys; empty documents are
 * left out. The text may be as hostile as any other. It is stricter than kubectl in two things: a key that stands twice
 * is a problem, where kubectl takes the last one in silence, and so is a number that JavaScript cannot hold. A text of the
 * full size takes half a second: the cluster's adapter has it read in another thread.
 */
export function readKubernetesYaml(text: string): ReadDocuments {
  if (text.length > mostCharacters) return wrong([tooLong(text)])
  if ((text.match(/^---/gm)?.length ?? 0) > mostDocuments) return wrong([`it has more than ${mostDocuments} documents`])
  const lines = new LineCounter()
  try {
    const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, merge: true } as const
    const read = parseAllDocuments(text, { ...options, schema: 'failsafe', customTags: [...kubernetesTags] })
    const documents = [...read].filter(({ contents, errors }) => contents !== null || errors.length > 0)
    const problems = documents.flatMap((document) => [
      ...document.errors.map(({ pos, message }) => at(lines, pos[0], message)),
      // What has a tag of its own is a text to kubectl; only YAML's own tags must fit what they stand before.
      ...document.warnings
        .filter(({ message }) => message.startsWith('Unresolved tag: tag:yaml.org'))
        .map(({ pos, message }) => at(lines, pos[0], message)),
      ...found(document, lines),
    ])
    if (problems.length > 0) return wrong(problems)
    return {
      ok: true,
      documents: documents
        .map((document) => ({
          value: document.toJS({ maxAliasCount: mostAliases }) as unknown,
          line: lines.linePos(document.contents?.range?.[0] ?? 0).line,
        }))
        .filter(({ value }) => value !== null),
    }
  } catch (error) {
    return wrong([plain(error instanceof Error ? error.message : String(error))])
  }
}

function tooLong(text: string): string {
  return `it has ${Math.ceil(text.length / 1024)} KiB, but at most ${mostCharacters / 1024} KiB are read`
}

function wrong(problems: readonly string[]): { readonly ok: false; readonly problems: readonly string[] } {
  const more = problems.length - mostProblems
  return { ok: false, problems: [...problems.slice(0, mostProblems), ...(more > 0 ? [`and ${more} more`] : [])] }
}

/** The library's words for two things that are not about its own inside. */
function plain(message: string): string {
  if (message.startsWith('Maximum call stack')) return 'it is nested too deeply'
  return message.startsWith('Excessive alias count') ? 'its aliases stand for too much' : message
}

function at(lines: LineCounter, offset: number, message: string): string {
  const { line, col } = lines.linePos(offset)
  return `line ${line}, column ${col}: ${plain(message)}`
}

/** Finds keys that stand twice in one map, and too many aliases. */
function found(document: Document, lines: LineCounter): readonly string[] {
  const problems: string[] = []
  let aliases = 0
  visit(document, {
    Alias: (_, alias, path) => {
      aliases += 1
      if (aliases > mostAliases) return visit.BREAK
      const named = alias.resolve(document)
      if (named !== undefined && path.includes(named))
        problems.push(at(lines, alias.range?.[0] ?? 0, `the alias ${alias.source} is inside of what it names`))
      return undefined
    },
    Map: (_, { items }) => {
      const keys = new Set<unknown>()
      for (const { key } of items) {
        if (!isScalar(key)) continue
        if (keys.has(key.value))
          problems.push(at(lines, key.range?.[0] ?? 0, `the key ${String(key.value)} is there twice`))
        keys.add(key.value)
      }
    },
  })
  return aliases > mostAliases ? [...problems, `it has more than ${mostAliases} aliases`] : problems
}

function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true)
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
      const start: unknown = node.range[0]
      if (typeof start === 'number') return lines.linePos(start).line
    }
  }
  return undefined
}
