import { ClusterError } from '../api/errors.ts'
import { fieldManager } from '../api/field-manager.ts'
import { type ApiObject, isMap, type ManagedFields } from '../api/objects.ts'
import { fieldOwner } from './known-managers.ts'
import type { FieldOwner } from './port.ts'

/**
 * Lists who has set the fields that an apply was refused for, Purser itself left out. Undefined when the error is no
 * conflict between field managers.
 */
export function conflictsIn(error: unknown): readonly FieldOwner[] | undefined {
  if (!(error instanceof ClusterError) || error.status !== 409 || error.reason !== 'Conflict') return undefined
  const causes = error.evidence.flatMap((line) => {
    const [, field, manager] = /^(.*): conflict with "((?:[^"\\]|\\.)*)"/.exec(line) ?? []
    return field === undefined || manager === undefined ? [] : [{ manager, field: plainPath(field) }]
  })
  return causes.length === 0 ? undefined : ownersIn(causes)
}

/** Lists who loses fields by a write, as the records before and after it tell; Purser itself is left out. */
export function fieldsTaken(before: ApiObject, after: ApiObject): readonly FieldOwner[] {
  const left = new Set((after.metadata.managedFields ?? []).flatMap((entry) => fieldsOf(entry).map(keyOf(entry))))
  return ownersIn(
    (before.metadata.managedFields ?? []).flatMap((entry) =>
      fieldsOf(entry)
        .filter((field) => !left.has(keyOf(entry)(field)))
        .map((field) => ({ manager: entry.manager ?? 'unknown', field })),
    ),
  )
}

/** Lists who has set any of these fields, or a part of one. */
export function ownersOf({ metadata }: ApiObject, wanted: readonly string[]): readonly FieldOwner[] {
  const concerns = (field: string) =>
    wanted.some((one) => field === one || isInside(field, one) || isInside(one, field))
  return ownersIn(
    (metadata.managedFields ?? []).flatMap((entry) =>
      fieldsOf(entry)
        .filter(concerns)
        .map((field) => ({ manager: entry.manager ?? 'unknown', field })),
    ),
  )
}

const isInside = (field: string, outer: string) => field.startsWith(`${outer}.`) || field.startsWith(`${outer}[`)

function ownersIn(found: readonly { readonly manager: string; readonly field: string }[]): readonly FieldOwner[] {
  const managers = [...new Set(found.map(({ manager }) => manager))]
    .filter((manager) => manager !== fieldManager)
    .sort()
  return managers.map((manager) =>
    fieldOwner(
      manager,
      found.filter((one) => one.manager === manager).map(({ field }) => field),
    ),
  )
}

const keyOf =
  ({ manager, operation }: ManagedFields) =>
  (field: string): string =>
    JSON.stringify([manager, operation, field])

/** The fields of one entry, each as people write it. A map or list of which everything is owned counts by its parts. */
function fieldsOf({ fieldsV1 }: ManagedFields): readonly string[] {
  return leaves(fieldsV1, '')
}

function leaves(tree: unknown, at: string): readonly string[] {
  if (!isMap(tree)) return []
  const inner = Object.entries(tree).filter(([segment]) => segment !== '.')
  if (inner.length === 0) return at === '' ? [] : [at]
  return inner.flatMap(([segment, below]) => leaves(below, `${at}${step(segment, at)}`))
}

function step(segment: string, at: string): string {
  if (segment.startsWith('f:')) return `${at === '' ? '' : '.'}${segment.slice(2)}`
  if (segment.startsWith('k:')) return `[${keysIn(segment.slice(2))}]`
  return `[${segment.replace(/^[vi]:/, '')}]`
}

/** `{"name":"api"}` → `api`; what is named by several fields is written with them. */
function keysIn(text: string): string {
  try {
    const keys: unknown = JSON.parse(text)
    if (!isMap(keys)) return text
    const entries = Object.entries(keys)
    const [only] = entries
    if (entries.length === 1 && only !== undefined) return String(only[1])
    return entries.map(([key, value]) => `${key}=${String(value)}`).join(',')
  } catch {
    return text
  }
}

/** `.spec.containers[name="api"].image`, as the server writes it, → `spec.containers[api].image`. */
function plainPath(field: string): string {
  return field
    .replace(/^\./, '')
    .replace(/="([^"]*)"/g, '=$1')
    .replace(/\[\w+=([^,\]]*)\]/g, '[$1]')
}
