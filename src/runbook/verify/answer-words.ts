import type { QueryAnswer } from '../../adapters/postgres/port.ts'
import { clipped } from '../../outside-text/excerpt.ts'
import { counted } from '../../text.ts'

/**
 * What people are shown of a query's answer: numbers that count, and the values of columns that purser.yaml names. Nothing in a value tells
 * whether it is a customer's; of every other column only the number of different values is told.
 */

const rowsShown = 10
const rowsOfInvariant = 3
const longestValue = 60

/** Words the answer: one number is itself, grouped rows are "12 (processed true), 1 (processed false)". */
export function answerInWords(answer: QueryAnswer, named: readonly string[]): string {
  const { columns, rows } = answer
  if (rows.length === 0) return '0'
  const count = countColumn(answer)
  const parts = rows.slice(0, rowsShown).flatMap((row) => {
    const values = namedValues(columns, row, named, count)
    if (count === undefined) return values === '' ? [] : [values]
    return [values === '' ? String(row[count]) : `${row[count]} (${values})`]
  })
  const shown = parts.length === 0 ? counted(rows.length, 'row') : parts.join(', ')
  const left = rows.length - rowsShown
  const rest = parts.length === 0 || left <= 0 ? '' : `, and ${counted(left, 'more row')}`
  return `${shown}${rest}${aside(answer, named, count)}`
}

/** Words the rows that break an invariant: how many, and the values of the named columns of the first few. */
export function violationsInWords(answer: QueryAnswer, count: string, named: readonly string[]): string {
  const { columns, rows } = answer
  const lone = named.filter((name) => columns.includes(name)).length === 1
  const values = rows
    .slice(0, rowsOfInvariant)
    .map((row) => namedValues(columns, row, named, undefined, lone))
    .filter((text) => text !== '')
  const rest = rows.length > rowsOfInvariant && values.length > 0 ? ', …' : ''
  return `${count}${values.length === 0 ? '' : `: ${values.join(', ')}${rest}`}${aside(answer, named, undefined)}`
}

/** The column `count`; without one the only column of the only row, if that is a number. */
function countColumn({ columns, rows }: QueryAnswer): number | undefined {
  const holdsNumbers = (column: number) => rows.every((row) => isNumber(row[column]))
  const named = columns.indexOf('count')
  if (named >= 0) return holdsNumbers(named) ? named : undefined
  return rows.length === 1 && columns.length === 1 && holdsNumbers(0) ? 0 : undefined
}

function namedValues(
  columns: readonly string[],
  row: readonly (string | null)[],
  named: readonly string[],
  count: number | undefined,
  bare = false,
): string {
  return columns
    .flatMap((column, index) => {
      if (index === count || !named.includes(column)) return []
      const value = inWords(row[index])
      return [bare ? value : `${column} ${value}`]
    })
    .join(', ')
}

/** Tells what is not shown, and which names of purser.yaml name nothing. */
function aside({ columns, rows }: QueryAnswer, named: readonly string[], count: number | undefined): string {
  const hidden = columns.flatMap((column, index) => {
    if (index === count || named.includes(column)) return []
    return [`${column}: ${counted(new Set(rows.map((row) => row[index])).size, 'different value')}`]
  })
  const missing = named.filter((name) => !columns.includes(name)).map((name) => `no column ${name}`)
  const all = [...hidden, ...missing]
  return all.length === 0 ? '' : ` (${all.join(', ')})`
}

/** Words a value as people say it: psql's `t` and `f` are true and false. */
function inWords(value: string | null | undefined): string {
  if (value === 't') return 'true'
  if (value === 'f') return 'false'
  return clipped(value ?? 'null', longestValue)
}

export function isNumber(text: string | null | undefined): boolean {
  return text !== null && text !== undefined && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)
}
