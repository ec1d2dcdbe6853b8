import type { Statement } from './statements.ts'

interface Index {
  readonly name: string
  readonly table: string
}

const identifier = String.raw`(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`
const createConcurrently = new RegExp(
  String.raw`^create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?(${identifier})?\s*on\s+(?:only\s+)?(${identifier}(?:\s*\.\s*${identifier})?)`,
  'i',
)
const dropConcurrently = new RegExp(
  String.raw`^drop\s+index\s+concurrently\s+(?:if\s+exists\s+)?(${identifier}(?:\s*\.\s*${identifier})?)\s*(?:cascade|restrict)?$`,
  'i',
)

export function buildsConcurrently({ words }: Statement): boolean {
  return /^create (unique )?index concurrently\b/.test(words)
}

/** Returns the index that a statement builds concurrently; undefined when it is no such statement, or its index has no name. */
export function concurrentIndex(statement: Statement): Index | undefined {
  if (!buildsConcurrently(statement)) return undefined
  const [, name, table] = createConcurrently.exec(statement.text) ?? []
  if (name === undefined || table === undefined || /^on$/i.test(name)) return undefined
  return { name: plain(name), table }
}

/** Returns the index that a statement drops concurrently, as the statement spells it. */
export function droppedConcurrently({ text }: Statement): string | undefined {
  return dropConcurrently.exec(text)?.[1]
}

function plain(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase()
}
