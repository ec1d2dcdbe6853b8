import pg from 'pg'
import type { MigrationObstacle } from '../port.ts'
import type { Session } from '../connection/session.ts'
import { commits } from './committing.ts'
import { type MigrationText, obstacleAt } from './file-text.ts'

/**
 * The server reads a query to its end before it does anything of it, and does nothing of what follows a statement that fails. So this
 * one before a text has the text read and nothing done.
 */
const fails = 'select pg_catalog.int4div(1, 0);\n'
const divisionByZero = '22012'
const syntaxError = '42601'

/**
 * Asks the server what it would not take: the syntax of `sql`, if that is asked, and calls of procedures that commit. Nothing of the text
 * is done.
 */
export async function serverObstacles(
  session: Session,
  { sql, calls }: { readonly sql: string | undefined; readonly calls: MigrationText['calls'] },
): Promise<readonly MigrationObstacle[]> {
  const broken = sql === undefined ? undefined : await brokenSyntax(session, sql)
  if (broken !== undefined) return [broken]
  const committing = await committingAmong(session, calls)
  return calls.filter((_, index) => committing.has(index)).map((call) => obstacleAt(call, 'commits'))
}

async function brokenSyntax(session: Session, sql: string): Promise<MigrationObstacle | undefined> {
  await session.query('set standard_conforming_strings = on')
  await session.query('begin read only')
  const thrown: unknown = await session.query(fails + sql).catch((error: unknown) => error)
  await session.query('rollback')
  if (!(thrown instanceof pg.DatabaseError)) throw thrown
  if (thrown.code !== syntaxError) {
    if (thrown.code !== divisionByZero) throw thrown
    return undefined
  }
  // The server counts characters, JavaScript UTF-16 units; from 1.
  const before = [...sql].slice(0, Math.max(0, Number(thrown.position ?? 1) - 1 - fails.length)).join('')
  const line = sql.slice(before.lastIndexOf('\n') + 1).split('\n', 1)[0] ?? ''
  const at = { line: before.split('\n').length, text: line.trim() }
  if (/^:(?:\w|'|")/.test(sql.slice(before.length))) return obstacleAt(at, 'psql variable')
  const obstacle = obstacleAt(at, 'syntax error')
  return { ...obstacle, what: `${obstacle.what} (${thrown.message})` }
}

async function committingAmong(session: Session, calls: MigrationText['calls']): Promise<ReadonlySet<number>> {
  if (calls.length === 0) return new Set()
  const { rows } = await session.query<{ call: number; body: string }>(
    `select (place - 1)::int as call, p.prosrc as body from rows from (json_to_recordset($1) as (name text, schema text)) with ordinality as wanted (name, schema, place)
       join pg_catalog.pg_proc p on p.proname = wanted.name and p.prokind = 'p'
       join pg_catalog.pg_namespace n on n.oid = p.pronamespace and n.nspname = coalesce(wanted.schema, n.nspname)`,
    [JSON.stringify(calls.map(({ name, schema }) => ({ name, schema })))],
  )
  return new Set(rows.filter(({ body }) => commits(body)).map(({ call }) => call))
}
