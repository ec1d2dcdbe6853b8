import type { QueryAnswer } from '../../adapters/postgres/port.ts'
import type { InvariantConfig, VerifyQueryConfig } from '../../config/service-schema.ts'
import { type Check, noLimit, type Verdict } from '../../model/run.ts'
import { answerInWords, isNumber, violationsInWords } from './answer-words.ts'
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
    return { verdict: withinLimits(total, query), value: answerInWords(answer, query.columns), ...numbered(total) }
  })
}

const mostRows = 1_000

function invariantCheck(context: PhaseContext, { name, title, sql, columns }: InvariantConfig): Promise<Check> {
  return check({ name, title, threshold: 'no rows' }, context.signal, async () => {
    return violations(await asked(context, firstRows(sql, mostRows + 1)), columns)
  })
}

/** Limits the query of an invariant: however many rows break it, only so many are read. */
export function firstRows(sql: string, most: number): string {
  // The closing bracket has a line of its own, as the query may end with a comment.
  return `select * from (${sql.trim().replace(/;\s*$/, '')}\n) as broken limit ${most}`
}

/** Tells how many rows break the invariant, and what is shown of the first few. */
function violations(answer: QueryAnswer, named: readonly string[]): CheckResult {
  const { rows } = answer
  if (rows.length === 0) return { verdict: 'pass', value: 'none', number: 0 }
  const count = rows.length > mostRows ? `more than ${mostRows}` : String(rows.length)
  return { verdict: 'fail', value: violationsInWords(answer, count, named), number: Math.min(rows.length, mostRows) }
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
  return parts.length === 0 ? noLimit : parts.join(', ')
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
