import { excerpt } from '../../outside-text/excerpt.ts'
import type { IgnoreComment } from './port.ts'

/**
 * How every comment begins by which squawk can be told something: `squawk-ignore`, `squawk-ignore-file`,
 * `squawk-disable-assume-in-transaction`. What is no comment, only looks like one, loses nothing: a linter does not read strings.
 */
const mark = /squawk-/gi

const ignoreMark = /squawk-(?:ignore|disable)/gi

/** Takes the meaning out of the linter's comments without moving anything, and tells which there were. */
export function withoutIgnoreComments(sql: string): {
  readonly text: string
  readonly ignored: readonly IgnoreComment[]
} {
  if (sql.search(mark) < 0) return { text: sql, ignored: [] }
  const ignored = sql.split('\n').flatMap((line, index) => {
    const [first, ...more] = [...line.matchAll(ignoreMark)]
    if (first === undefined) return []
    const text = excerpt(line.slice(first.index).trim(), 80)
    return [first, ...more].map(() => ({ line: index + 1, text }))
  })
  return { text: sql.replaceAll(mark, (found) => found.replace('-', '_')), ignored }
}
