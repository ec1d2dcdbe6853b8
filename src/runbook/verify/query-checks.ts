import type { QueryAnswer } from '../../adapters/postgres/port.ts'
import type { InvariantConfig, VerifyQueryConfig } from '../../config/service-schema.ts'
import type { Check, Verdict } from '../../model/run.ts'
import { check, type CheckResult } from './checks.ts'
import type { PhaseContext } from '../phase.ts'

/** Runs the runbook's Verification Commands and the billing invariants, as configured, side by side. */
export async function counts(context: PhaseContext): Promise<readonly Check[]> {
  const { queries, invariants } = context.service.verify
  return Promise.all([
    ...queries.map((query) => countCheck(context, query)),
    ...invariants.map((invariant) => invariantCheck(context, invariant)),
  ])
}

function countCheck(context: PhaseContext, query: VerifyQueryConfig): Promise<Check> {
  const about = { name: query.name, title: query.title, threshold: limitsOf(query) }
  return check(about, context.signal, async () => {
    const answer = await asked(context, query.sql)
    const total = totalOf(answer)
    return { verdict: withinLimits(total, query), value: rowsInWords(answer), ...numbered(total) }
  })
}

const mostRows = 1_000
const shownIds = 3

function invariantCheck(context: PhaseContext, { name, title, sql }: InvariantConfig): Promise<Check> {
  return check({ name, title, threshold: 'no rows' }, context.signal, async () => {
    const { rows } = await asked(context, firstRows(sql, mostRows + 1))
    return violations(rows)
  })
}

/** Limits the query of an invariant: however many rows break it, only so many are read. */
export function firstRows(sql: string, most: number): string {
  // The closing bracket has a line of its own, as the query may end with a comment.
  return `select * from (${sql.trim().replace(/;\s*$/, '')}\n) as broken limit ${most}`
}

/** Tells how many rows break the invariant, and the first column of the first few. */
function violations(rows: QueryAnswer['rows']): CheckResult {
  if (rows.length === 0) return { verdict: 'pass', value: 'none', number: 0 }
  const count = rows.length > mostRows ? `more than ${mostRows}` : String(rows.length)
  const ids = rows.slice(0, shownIds).map(([id]) => (isId(id) ? id : 'not an id: not shown'))
  const rest = rows.length > shownIds ? ', …' : ''
  return { verdict: 'fail', value: `${count}: ${ids.join(', ')}${rest}`, number: Math.min(rows.length, mostRows) }
}

/** Tells `in_1NG8Du`, a number or a UUID from a name, an address or an amount: customers' data stays where it is. */
function isId(value: string | null | undefined): value is string {
  return typeof value === 'string' && /^(?=.*\d)[A-Za-z0-9][\w-]{0,63}$/.test(value)
}

function asked(context: PhaseContext, sql: string): Promise<QueryAnswer> {
  const timeoutMs = context.service.verify.timeoutSeconds * 1_000
  return context.world.database.query(sql, { timeoutMs }, context.signal)
}

function numbered(number: number | undefined): { readonly number?: number } {
  return number === undefined ? {} : { number }
}

interface Limits {
  readonly atMost?: number
  readonly atLeast?: number
}

/** Judges a number by its limits; without limits it is only shown. */
export function withinLimits(value: number | undefined, { atMost, atLeast }: Limits): Verdict {
  if (value === undefined || Number.isNaN(value)) return 'unknown'
  if (atMost !== undefined && value > atMost) return 'fail'
  if (atLeast !== undefined && value < atLeast) return 'fail'
  return 'pass'
}

export function limitsOf({ atMost, atLeast }: Limits | VerifyQueryConfig): string {
  const parts = [...(atLeast === undefined ? [] : [`≥ ${atLeast}`]), ...(atMost === undefined ? [] : [`≤ ${atMost}`])]
  return parts.length === 0 ? 'any' : parts.join(', ')
}

/** Sums the column `count`, or the first column that holds numbers; no rows are 0. Undefined when it is no number. */
export function totalOf({ columns, rows }: QueryAnswer): number | undefined {
  if (rows.length === 0) return 0
  const holdsNumbers = (column: number) => rows.every((row) => isNumber(row[column]))
  const named = columns.indexOf('count')
  const column = named >= 0 ? named : columns.findIndex((_, index) => holdsNumbers(index))
  if (column < 0 || !holdsNumbers(column)) return undefined
  return rows.reduce((sum, row) => sum + Number(row[column]), 0)
}

/** Words the answer: one row of one column is the value, grouped rows are "12 (processed t), 1 (processed f)". */
function rowsInWords({ columns, rows }: QueryAnswer): string {
  if (rows.length === 0) return '0'
  const count = Math.max(0, columns.indexOf('count'))
  return rows
    .slice(0, 10)
    .map((row) => {
      const others = columns.flatMap((column, index) => (index === count ? [] : [`${column} ${inWords(row[index])}`]))
      return others.length === 0 ? String(row[count]) : `${row[count]} (${others.join(', ')})`
    })
    .join(', ')
}

/** Words a value as people say it: psql's `t` and `f` are true and false. */
function inWords(value: string | null | undefined): string {
  if (value === 't') return 'true'
  return value === 'f' ? 'false' : (value ?? 'null')
}

function isNumber(text: string | null | undefined): boolean {
  return text !== null && text !== undefined && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)
}
