import { parse, parsePlPgSQL, scan } from 'libpg-query'
import { quoted } from './judgement.ts'
import type { Place, Reading } from './reading.ts'
import { walk } from './walk.ts'

/** Reads SQL that stands in a body. */
type ReadText = (sql: string, place: Place) => Promise<void>

/** What a body in PL/pgSQL is made of. Anything else came with a grammar that nobody has read yet. */
const known = new Set(
  [
    'function var rec row recfield type expr promise stmt_block exception_block exception condition stmt_assign stmt_if if_elsif',
    'stmt_case case_when stmt_loop stmt_while stmt_fori stmt_fors stmt_forc stmt_foreach_a stmt_exit stmt_return stmt_return_next',
    'stmt_return_query stmt_raise raise_option stmt_assert stmt_execsql stmt_dynexecute stmt_dynfors stmt_getdiag diag_item stmt_open',
    'stmt_fetch stmt_close stmt_perform stmt_call stmt_commit stmt_rollback nsitem',
  ]
    .join(' ')
    .split(' ')
    .map((name) => `PLpgSQL_${name}`),
)

interface Expression {
  readonly query?: string
  /** The server's RawParseMode: a statement, the name of a type, an expression, assignments. */
  readonly parseMode?: number
}
interface Body {
  readonly query?: { readonly PLpgSQL_expr?: Expression }
  readonly dynquery?: { readonly PLpgSQL_expr?: Expression }
}

/** Reads the body of a `do` block or a function in PL/pgSQL, given as the whole statement. Raises when it cannot be parsed. */
export async function readPlpgsql(
  statement: string,
  place: Place,
  reading: Reading,
  readText: ReadText,
): Promise<void> {
  const expressions: Expression[] = []
  const built: Expression[] = []
  // The types of libpg-query give this the type of the other parser's result.
  const body: object = await parsePlPgSQL(statement)
  walk(body, ({ kind, node }) => {
    if (!known.has(kind)) reading.add({ weight: 'unreadable', what: `holds ${kind}, which cannot be judged` }, place)
    if (kind === 'PLpgSQL_expr') expressions.push(node)
    if (kind === 'PLpgSQL_stmt_commit' || kind === 'PLpgSQL_stmt_rollback')
      reading.add({ weight: 'structure', what: 'begins, ends or rolls back a transaction of its own' }, place)
    const { query, dynquery }: Body = node
    const dynamic = kind === 'PLpgSQL_stmt_dynexecute' || kind === 'PLpgSQL_stmt_dynfors' ? query : dynquery
    if (dynamic?.PLpgSQL_expr !== undefined) built.push(dynamic.PLpgSQL_expr)
  })
  for (const one of expressions) for (const sql of await statementsOf(one)) await readText(sql, place)
  for (const { query = '' } of built) {
    const text = await constantText(query)
    if (text === undefined)
      reading.add({ weight: 'unreadable', what: `executes SQL that it puts together itself: ${quoted(query)}` }, place)
    else await readText(text, place)
  }
}

export async function statementsOf({ query = '', parseMode = 0 }: Expression): Promise<readonly string[]> {
  if (parseMode === 0) return [query]
  if (parseMode === 1) return []
  if (parseMode === 2) return [`SELECT ${query}`]
  return assigned(query)
}

/** An assignment, `a[f(1)] := g(2)`, calls on both sides; each becomes an expression. */
async function assigned(text: string): Promise<readonly string[]> {
  const bytes = Buffer.from(text)
  let depth = 0
  for (const { text: token, start, end } of (await scan(text)).tokens) {
    if (token === '(' || token === '[') depth += 1
    if (token === ')' || token === ']') depth -= 1
    if (depth === 0 && (token === ':=' || token === '='))
      return [`SELECT ${bytes.subarray(0, start).toString()}`, `SELECT ${bytes.subarray(end).toString()}`]
  }
  return [text]
}

/** The text that an expression is, when it is nothing but a literal. */
export async function constantText(expression: string): Promise<string | undefined> {
  const tree = await parse(`SELECT ${expression}`).catch(() => undefined)
  const stmt = tree?.stmts?.[0]?.stmt
  const target = stmt !== undefined && 'SelectStmt' in stmt ? stmt.SelectStmt.targetList?.[0] : undefined
  const value = target !== undefined && 'ResTarget' in target ? target.ResTarget.val : undefined
  return value !== undefined && 'A_Const' in value ? value.A_Const.sval?.sval : undefined
}
