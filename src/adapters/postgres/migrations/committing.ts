import { splitStatements, type Statement, withoutComments } from './statements.ts'

const part = String.raw`(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`
const called = new RegExp(String.raw`^call\s+((?:${part}\s*\.\s*){0,2}${part})\s*\(`, 'i')
const made = new RegExp(
  String.raw`^create\s+(?:or\s+replace\s+)?procedure\s+((?:${part}\s*\.\s*){0,2}${part})\s*\(`,
  'i',
)
const body = /\$((?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?)\$([\s\S]*)\$\1\$|'((?:[^']|'')*)'/

/** Tells of the body of a procedure or a `do` block whether it ends transactions, which it may not within another one. */
export function commits(source: string): boolean {
  return splitStatements(source).some(({ words }) => /(?:^|\s)(?:commit|rollback)(?: and (?:no )?chain)?$/.test(words))
}

/** The last part of a name, as the catalog has it, behind its schema. */
export interface ProcedureName {
  readonly schema?: string
  readonly name: string
}

/** Reads which procedure a statement calls. */
export function calledBy({ text, words }: Statement): ProcedureName | undefined {
  return words.startsWith('call ') ? nameIn(called.exec(withoutComments(text))?.[1]) : undefined
}

/** Reads which procedure a statement makes that commits. */
export function committingMadeBy({ text, words }: Statement): ProcedureName | undefined {
  if (!/^create (?:or replace )?procedure\b/.test(words)) return undefined
  const plain = withoutComments(text)
  return commits(bodyOf(plain)) ? nameIn(made.exec(plain)?.[1]) : undefined
}

export function isCommittingBlock({ text, words }: Statement): boolean {
  return /^do\b/.test(words) && commits(bodyOf(text))
}

function bodyOf(text: string): string {
  const [, , dollars, quoted] = body.exec(text) ?? []
  return dollars ?? quoted?.replaceAll("''", "'") ?? ''
}

function nameIn(spelled: string | undefined): ProcedureName | undefined {
  if (spelled === undefined) return undefined
  const parts = [...spelled.matchAll(new RegExp(part, 'g'))].map(([one]) =>
    one.startsWith('"') ? one.slice(1, -1).replaceAll('""', '"') : one.toLowerCase(),
  )
  const [name, schema] = parts.toReversed()
  return name === undefined ? undefined : { name, ...(schema === undefined ? {} : { schema }) }
}
