import { parse, parsePlPgSQL, type Node } from 'libpg-query'
import { partsOf } from './names.ts'
import { statementsOf } from './plpgsql.ts'
import { walk } from './walk.ts'

/** Names in the body of a function that only the search_path leads to. */
interface Unqualified {
  readonly functions: readonly string[]
  readonly relations: readonly string[]
  readonly types: readonly string[]
}

/**
 * Reads the names without a schema in a function's body. What cannot be parsed has none: it is asked for a warning, never for a promise.
 * `definition` is the whole `create function`, which the grammar of PL/pgSQL wants.
 */
export async function unqualifiedIn(language: string, body: string, definition: string): Promise<Unqualified> {
  const texts = language === 'sql' ? [body] : await textsOf(definition)
  const found = { functions: new Set<string>(), relations: new Set<string>(), types: new Set<string>() }
  for (const text of texts) {
    const tree = await parse(text).catch(() => undefined)
    const own = new Set<string>()
    for (const { stmt } of tree?.stmts ?? []) if (stmt !== undefined) namesIn(stmt, found, own)
    for (const name of own) found.relations.delete(name)
  }
  return { functions: [...found.functions], relations: [...found.relations], types: [...found.types] }
}

function namesIn(stmt: Node, found: Readonly<Record<keyof Unqualified, Set<string>>>, own: Set<string>): void {
  const add = (to: Set<string>, nodes: unknown): void => {
    const name = partsOf((nodes ?? []) as readonly Node[])
    if (name.length === 1 && name[0] !== undefined) to.add(name[0])
  }
  walk(stmt, ({ kind, node }) => {
    if (kind === 'FuncCall' && 'funcname' in node) add(found.functions, node.funcname)
    if (kind === 'TypeName' && 'names' in node) add(found.types, node.names)
    if (kind === 'CommonTableExpr' && 'ctename' in node) own.add(String(node.ctename))
    if (kind === 'RangeVar' && 'relname' in node && !('schemaname' in node)) found.relations.add(String(node.relname))
  })
}

async function textsOf(definition: string): Promise<readonly string[]> {
  const body: object | undefined = await parsePlPgSQL(definition).catch(() => undefined)
  const texts: string[] = []
  const expressions: { readonly query?: string; readonly parseMode?: number }[] = []
  if (body !== undefined)
    walk(body, ({ kind, node }) => {
      if (kind === 'PLpgSQL_expr') expressions.push(node)
    })
  for (const one of expressions) texts.push(...(await statementsOf(one)))
  return texts
}
