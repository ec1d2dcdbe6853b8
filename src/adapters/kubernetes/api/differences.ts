import { excerpt } from '../../../outside-text/excerpt.ts'
import { canonicalJson, isMap } from './objects.ts'

/** The server changes these fields with every write, so they tell a person nothing. */
const serverFields = new Set(['managedFields', 'resourceVersion', 'generation', 'uid', 'creationTimestamp', 'selfLink'])
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'
const mostShown = 120
/**
 * The words that mark a variable as secret: people also put passwords into plain variables, which are then shown
 * without value.
 */
const secretNames = /secret|token|passw|pwd|credential|private|api_?key|_key$|_url$|dsn/i
const variablePath = /\benv\[([^\]]+)\]\.value$/

/** Lists each field that differs in one line: `spec.suspend: true → false`. Values of Secrets are never shown. */
export function differences(before: unknown, after: unknown): string[] {
  const secret = isMap(after) && after.kind === 'Secret'
  return compare(before, after, '').map(({ at, from, to }) => {
    if (secret && /^(data|stringData)\b/.test(at))
      return `${at}: ${from === undefined ? 'added' : to === undefined ? 'removed' : 'changed'}`
    if (secretNames.test(variablePath.exec(at)?.[1] ?? '')) return `${at}: changed`
    if (from === undefined) return `${at}: added ${shown(to)}`
    return to === undefined ? `${at}: removed (was ${shown(from)})` : `${at}: ${shown(from)} → ${shown(to)}`
  })
}

interface Difference {
  readonly at: string
  readonly from: unknown
  readonly to: unknown
}

function compare(before: unknown, after: unknown, at: string): Difference[] {
  if (canonicalJson(before) === canonicalJson(after)) return []
  if (isMap(before) && isMap(after)) {
    const fields = new Set([...Object.keys(before), ...Object.keys(after)])
    return [...fields]
      .filter((field) => !isServerSide(at, field))
      .flatMap((field) => compare(before[field], after[field], at === '' ? field : `${at}.${field}`))
  }
  if (Array.isArray(before) && Array.isArray(after)) return compareLists(before, after, at)
  return [{ at, from: before, to: after }]
}

function isServerSide(at: string, field: string): boolean {
  if (at === '') return field === 'status'
  return (at === 'metadata' && serverFields.has(field)) || field === lastApplied
}

/** Compares lists of named things (containers, variables) by name, others by position. */
function compareLists(before: readonly unknown[], after: readonly unknown[], at: string): Difference[] {
  const named = [...before, ...after].every((item) => isMap(item) && typeof item.name === 'string')
  const key = (item: unknown, index: number) => (named ? String((item as { name: string }).name) : String(index))
  const old = new Map(before.map((item, index) => [key(item, index), item]))
  const now = new Map(after.map((item, index) => [key(item, index), item]))
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((name) =>
    compare(old.get(name), now.get(name), `${at}[${name}]`),
  )
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value, withoutSecrets)
  return excerpt(text, mostShown)
}

function withoutSecrets(_key: string, value: unknown): unknown {
  if (!isMap(value) || typeof value.name !== 'string' || typeof value.value !== 'string') return value
  return secretNames.test(value.name) ? { ...value, value: '[hidden]' } : value
}
