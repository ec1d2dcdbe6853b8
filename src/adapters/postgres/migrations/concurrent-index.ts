import { type Statement, withoutComments } from './statements.ts'

interface Index {
  readonly name: string
  readonly table: string
}

/** A name; one by code points (`U&"…"`) has no form that could be looked for. */
const identifier = String.raw`(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`
const createConcurrently = new RegExp(
  String.raw`^create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?(${identifier})?\s*on\s+(?:only\s+)?(${identifier}(?:\s*\.\s*${identifier})?)`,
  'i',
)
const dropConcurrently = new RegExp(
  String.raw`^drop\s+index\s+concurrently\s+(?:if\s+exists\s+)?(${identifier}(?:\s*\.\s*${identifier})?)\s*(?:cascade|restrict)?$`,
  'i',
)

const detachConcurrently = new RegExp(
  String.raw`^alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(${identifier}(?:\s*\.\s*${identifier})?)\s+detach\s+partition\s+(${identifier}(?:\s*\.\s*${identifier})?)\s+concurrently$`,
  'i',
)

/** Returns the table and the partition that a statement takes out of it concurrently, as the statement spells them. */
export function detachedConcurrently({
  text,
}: Pick<Statement, 'text'>): { readonly table: string; readonly partition: string } | undefined {
  const [, table, partition] = detachConcurrently.exec(text) ?? []
  return table === undefined || partition === undefined ? undefined : { table, partition }
}

export function buildsConcurrently({ words }: Statement): boolean {
  return /^create (unique )?index concurrently\b/.test(words)
}

/** Returns the index that a statement builds concurrently; undefined when it is no such statement, or its index has no name. */
export function concurrentIndex(statement: Statement): Index | undefined {
  if (!buildsConcurrently(statement)) return undefined
  const [, name, table] = createConcurrently.exec(withoutComments(statement.text)) ?? []
  if (name === undefined || table === undefined || /^on$/i.test(name)) return undefined
  return { name: plain(name), table }
}

/** Returns the index that a statement drops concurrently, as the statement spells it. */
export function droppedConcurrently({ text, words }: Statement): string | undefined {
  return words.startsWith('drop index concurrently')
    ? dropConcurrently.exec(withoutComments(text).trim())?.[1]
    : undefined
}

function plain(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase()
}
