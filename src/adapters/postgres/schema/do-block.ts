import { parsePlPgSQL } from 'libpg-query'
import { constantText } from '../grammar/plpgsql.ts'
import type { Step } from './steps.ts'

type Read = (sql: string) => Promise<readonly Step[]>

interface Expression {
  readonly query?: string
}
/** What the parser of PL/pgSQL gives: each statement under the name of its kind. */
interface Statement {
  readonly sqlstmt?: { readonly PLpgSQL_expr?: Expression }
  readonly expr?: { readonly PLpgSQL_expr?: Expression }
  readonly query?: { readonly PLpgSQL_expr?: Expression }
  readonly exceptions?: object
}

/**
 * Reads a `do` block. What stands in its body for certain is done; what stands in a branch, a loop or before a handler of exceptions may be.
 */
export async function doBlock(text: string, read: Read): Promise<readonly Step[]> {
  const body = await parsed(text)
  if (body === undefined) return [{ kind: 'anything', what: 'runs a do block that cannot be read' }]
  return (await blockSteps(body, read)).steps
}

async function parsed(text: string): Promise<object | undefined> {
  try {
    // The types of libpg-query give this the type of the other parser's result.
    const tree: object = await parsePlPgSQL(text)
    const action = descend(tree, ['plpgsql_funcs', '0', 'PLpgSQL_function', 'action', 'PLpgSQL_stmt_block'])
    return typeof action === 'object' && action !== null ? action : undefined
  } catch {
    return undefined
  }
}

function descend(from: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, name) =>
      typeof at === 'object' && at !== null
        ? (Object.entries(at).find(([key]) => key === name)?.[1] as unknown)
        : undefined,
    from,
  )
}

interface Steps {
  readonly steps: readonly Step[]
  /** Whether the block may end in it, so that what follows may not be done. */
  readonly mayEnd: boolean
}

/** A block with a handler may be undone as a whole. */
async function blockSteps(block: object, read: Read): Promise<Steps> {
  const inner = await bodySteps(descend(block, ['body']), read)
  const handlers = descend(block, ['exceptions'])
  if (typeof handlers !== 'object' || handlers === null) return inner
  const handled = await nested(handlers, read)
  return {
    steps: [{ kind: 'branch', steps: inner.steps }, ...branch(handled.steps)],
    mayEnd: inner.mayEnd || handled.mayEnd,
  }
}

async function bodySteps(body: unknown, read: Read): Promise<Steps> {
  const steps: Step[] = []
  const statements: readonly object[] = Array.isArray(body) ? body : []
  for (const [index, one] of statements.entries()) {
    const [kind, node] = firstOf(one)
    const found = await statementSteps(kind, node, read)
    steps.push(...found.steps)
    if (!found.mayEnd) continue
    const rest = await bodySteps(statements.slice(index + 1), read)
    return { steps: [...steps, ...branch(rest.steps)], mayEnd: true }
  }
  return { steps, mayEnd: false }
}

function firstOf(one: object): readonly [string, Statement] {
  return (Object.entries(one) as readonly [string, Statement][])[0] ?? ['', {}]
}

async function statementSteps(kind: string, node: Statement, read: Read): Promise<Steps> {
  const done = async (sql: string): Promise<Steps> => ({ steps: await orAnything(sql, read), mayEnd: false })
  switch (kind) {
    case 'PLpgSQL_stmt_execsql':
      return done(node.sqlstmt?.PLpgSQL_expr?.query ?? '')
    case 'PLpgSQL_stmt_perform':
    case 'PLpgSQL_stmt_call':
      return done(node.expr?.PLpgSQL_expr?.query ?? '')
    case 'PLpgSQL_stmt_dynexecute': {
      const text = await constantText(node.query?.PLpgSQL_expr?.query ?? '')
      return text === undefined ? { steps: [putTogether], mayEnd: false } : done(text)
    }
    case 'PLpgSQL_stmt_block':
      return blockSteps(node, read)
    case 'PLpgSQL_stmt_return':
    case 'PLpgSQL_stmt_exit':
      return { steps: [], mayEnd: true }
    default: {
      const { steps, mayEnd } = await nested(node, read)
      return { steps: branch(steps), mayEnd }
    }
  }
}

const putTogether: Step = { kind: 'anything', what: 'executes SQL that it puts together itself' }

function branch(steps: readonly Step[]): readonly Step[] {
  return steps.length === 0 ? [] : [{ kind: 'branch', steps }]
}

/** What stands in the branches of a statement, whatever it is. */
async function nested(node: object, read: Read): Promise<Steps> {
  const steps: Step[] = []
  let mayEnd = false
  for (const [key, value] of Object.entries(node) as readonly [string, unknown][]) {
    if (typeof value !== 'object' || value === null) continue
    const isBody = Array.isArray(value) && value.some((one: object) => Object.keys(one)[0]?.startsWith('PLpgSQL_stmt_'))
    const found = isBody
      ? await bodySteps(value, read)
      : key.startsWith('PLpgSQL_expr')
        ? nothing
        : await nested(value, read)
    // Each body is a branch of its own: of `if` and `else` only one is done.
    steps.push(...(isBody ? branch(found.steps) : found.steps))
    mayEnd ||= found.mayEnd
  }
  return { steps, mayEnd }
}

const nothing: Steps = { steps: [], mayEnd: false }

async function orAnything(sql: string, read: Read): Promise<readonly Step[]> {
  return read(sql).catch(() => [{ kind: 'anything', what: 'holds a statement that cannot be read' }])
}
