import type { Form } from './form.ts'
import { invalidParam, noSuch } from './problems.ts'

export interface Page<T> {
  readonly object: 'list'
  readonly data: readonly T[]
  readonly has_more: boolean
  readonly url: string
}

/** `rows` newest first; `limit` 1–100 (10 by default), `starting_after` towards older, `ending_before` towards newer. */
export function pageOf<T extends { readonly id: string }>(
  rows: readonly T[],
  query: Form,
  { url, what }: { readonly url: string; readonly what: string },
): Page<T> {
  const limit = query['limit'] === undefined ? 10 : Number(query['limit'])
  if (!Number.isInteger(limit)) throw invalidParam('limit', `Invalid integer: ${String(query['limit'])}`)
  if (limit < 1) throw invalidParam('limit', 'This value must be greater than or equal to 1.')
  if (limit > 100) throw invalidParam('limit', 'This value must be less than or equal to 100.')
  const position = (param: 'starting_after' | 'ending_before'): number | undefined => {
    const id = query[param]
    if (id === undefined) return undefined
    const found = rows.findIndex((row) => row.id === id)
    if (found < 0) throw noSuch(what, String(id), param)
    return found
  }
  const before = position('ending_before')
  if (before !== undefined) {
    const start = Math.max(0, before - limit)
    return { object: 'list', data: rows.slice(start, before), has_more: start > 0, url }
  }
  const start = (position('starting_after') ?? -1) + 1
  return { object: 'list', data: rows.slice(start, start + limit), has_more: start + limit < rows.length, url }
}
