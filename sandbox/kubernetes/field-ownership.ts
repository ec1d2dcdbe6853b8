import { isMap, type JsonMap, type KubeObject, same, timestamp } from './objects.ts'
import { child, keyOf, type Schema } from './schema.ts'
import { StatusError } from './status.ts'

/** One entry of `metadata.managedFields`, with its FieldsV1 tree as a set of paths: `f:spec` NUL `f:replicas`. */
export interface Owner {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly time: string
  readonly paths: ReadonlySet<string>
}

const SEPARATOR = '\u0000'
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
/** Set by the server or naming the object: nobody owns them. */
const UNOWNED = new Set(
  ['apiVersion', 'kind', 'status'].concat(
    ['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields'].map(
      (field) => `metadata.${field}`,
    ),
  ),
)

/** The leaves of a document, as server-side apply counts them: maps and keyed lists are entered, other lists are one. */
function leavesOf(value: unknown, schema: Schema): Map<string, unknown> {
  const leaves = new Map<string, unknown>()
  visit(value, schema, [], '', leaves)
  return leaves
}

function visit(value: unknown, schema: Schema, path: string[], dotted: string, into: Map<string, unknown>): void {
  if (UNOWNED.has(dotted) || value === undefined) return
  if (isMap(value) && schema !== 'any' && !('items' in schema)) {
    const fields = Object.entries(value)
    if (fields.length === 0 && path.length > 0) into.set(path.join(SEPARATOR), value)
    for (const [field, inner] of fields)
      visit(inner, child(schema, field), [...path, `f:${field}`], dotted === '' ? field : `${dotted}.${field}`, into)
    return
  }
  if (Array.isArray(value) && schema !== 'any' && 'items' in schema && schema.keys !== undefined) {
    for (const item of value) {
      const at = [...path, `k:${JSON.stringify(keyOf(item, [...schema.keys].sort()))}`]
      into.set([...at, '.'].join(SEPARATOR), keyOf(item, schema.keys))
      visit(item, schema.items, at, `${dotted}[]`, into)
    }
    return
  }
  into.set(path.join(SEPARATOR), value)
}

/** Server-side apply: the merged object and the new owners, or 409 with one cause for each field and manager. */
export function serverSideApply(
  live: KubeObject | undefined,
  applied: KubeObject,
  request: { manager: string; force: boolean; apiVersion: string; owners: readonly Owner[]; schema: Schema },
): { object: JsonMap; owners: Owner[] } {
  const { manager, schema } = request
  const wanted = leavesOf(applied, schema)
  const present = live === undefined ? new Map<string, unknown>() : leavesOf(live, schema)
  const mine = request.owners.find((owner) => owner.manager === manager && owner.operation === 'Apply')
  const others = request.owners.filter((owner) => owner !== mine)

  const contested = [...wanted].filter(([path, value]) => !same(value, present.get(path))).map(([path]) => path)
  const allowed = manager === 'kubectl' ? lastAppliedLeaves(live, present, schema) : new Set<string>()
  const conflicts = others
    .map((owner) => ({
      owner,
      paths: contested
        .filter((path) => owner.paths.has(path) && !allowed.has(path))
        .map(dottedPath)
        .sort(),
    }))
    .filter(({ paths }) => paths.length > 0)
  if (conflicts.length > 0 && !request.force) throw conflict(conflicts)

  const kept = new Set(others.flatMap((owner) => [...owner.paths]))
  const dropped = [...(mine?.paths ?? [])].filter((path) => !wanted.has(path) && !kept.has(path))
  const merged = mergeApplied(live ?? {}, applied, schema) as JsonMap
  const pruned = dropped.reduce<JsonMap>((at, path) => removeAt(at, path.split(SEPARATOR)) as JsonMap, merged)
  const object = manager === 'kubectl' ? withLastApplied(pruned, applied) : pruned
  const unchanged = mine !== undefined && same([...mine.paths].sort(), [...wanted.keys()].sort())
  const next: Owner = {
    manager,
    operation: 'Apply',
    apiVersion: request.apiVersion,
    time: unchanged && same(live, object) ? mine.time : timestamp(),
    paths: new Set(wanted.keys()),
  }
  const taken = new Set(contested)
  return { object, owners: [...others.map((owner) => giveUp(owner, taken)), next].filter(hasPaths) }
}

/**
 * What a client-side `kubectl apply` had set and nobody changed since: `kubectl apply --server-side` may take it over
 * without a conflict (lastAppliedManager in the API server; for the manager "kubectl" only).
 */
function lastAppliedLeaves(
  live: KubeObject | undefined,
  present: ReadonlyMap<string, unknown>,
  schema: Schema,
): ReadonlySet<string> {
  const text = live?.metadata.annotations?.[LAST_APPLIED]
  if (text === undefined) return new Set()
  const leaves = leavesOf(JSON.parse(text), schema)
  const unchanged = [...leaves].filter(([path, value]) => same(value, present.get(path))).map(([path]) => path)
  return new Set([...unchanged, ['f:metadata', 'f:annotations', `f:${LAST_APPLIED}`].join(SEPARATOR)])
}

/** Kept up to date for a kubectl that still applies on the client's side, where there is one. */
function withLastApplied(object: JsonMap, applied: KubeObject): JsonMap {
  const metadata = isMap(object.metadata) ? object.metadata : {}
  const annotations = isMap(metadata.annotations) ? metadata.annotations : {}
  if (annotations[LAST_APPLIED] === undefined) return object
  const text = `${JSON.stringify(sorted(applied))}\n`
  return { ...object, metadata: { ...metadata, annotations: { ...annotations, [LAST_APPLIED]: text } } }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isMap(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  )
}

/** A plain write: what it changed now belongs to the writer alone. */
export function ownersAfterUpdate(
  owners: readonly Owner[],
  before: KubeObject | undefined,
  after: KubeObject,
  writer: { manager: string; apiVersion: string; schema: Schema },
): Owner[] {
  const old = before === undefined ? new Map<string, unknown>() : leavesOf(before, writer.schema)
  const now = leavesOf(after, writer.schema)
  const changed = [...now].filter(([path, value]) => !same(value, old.get(path))).map(([path]) => path)
  const gone = new Set([...old.keys()].filter((path) => !now.has(path)))
  if (changed.length === 0 && gone.size === 0) return [...owners]
  const taken = new Set([...changed, ...gone])
  const isWriter = (owner: Owner) => owner.manager === writer.manager && owner.operation === 'Update'
  const previous = owners.find(isWriter)
  const paths = new Set([...(previous?.paths ?? []), ...changed].filter((path) => !gone.has(path)))
  const mine: Owner = {
    manager: writer.manager,
    operation: 'Update',
    apiVersion: writer.apiVersion,
    time: timestamp(),
    paths,
  }
  const others = owners.filter((owner) => !isWriter(owner)).map((owner) => giveUp(owner, taken))
  return [...others, mine].filter(hasPaths)
}

const hasPaths = (owner: Owner) => owner.paths.size > 0

function giveUp(owner: Owner, taken: ReadonlySet<string>): Owner {
  return { ...owner, paths: new Set([...owner.paths].filter((path) => !taken.has(path))) }
}

export function managedFields(owners: readonly Owner[]): object[] {
  return owners.map((owner) => ({
    manager: owner.manager,
    operation: owner.operation,
    apiVersion: owner.apiVersion,
    time: owner.time,
    fieldsType: 'FieldsV1',
    fieldsV1: tree(owner.paths),
  }))
}

/** Reads a `managedFields` list back, as kubectl sends it when it moves fields from one manager to another. */
export function ownersFrom(entries: unknown): Owner[] {
  if (!Array.isArray(entries)) return []
  return entries.filter(isMap).map((entry) => ({
    manager: String(entry.manager),
    operation: entry.operation === 'Apply' ? 'Apply' : 'Update',
    apiVersion: String(entry.apiVersion),
    time: String(entry.time ?? timestamp()),
    paths: new Set(pathsIn(entry.fieldsV1, [])),
  }))
}

function pathsIn(node: unknown, at: string[]): string[] {
  if (!isMap(node)) return []
  const fields = Object.entries(node)
  if (fields.length === 0) return at.length === 0 ? [] : [at.join(SEPARATOR)]
  return fields.flatMap(([field, inner]) => pathsIn(inner, [...at, field]))
}

function tree(paths: ReadonlySet<string>): JsonMap {
  const root: JsonMap = {}
  for (const path of [...paths].sort()) {
    let at = root
    for (const segment of path.split(SEPARATOR)) at = (at[segment] ??= {}) as JsonMap
  }
  return root
}

function dottedPath(path: string): string {
  return path
    .split(SEPARATOR)
    .filter((segment) => segment !== '.')
    .map((segment) => {
      if (segment.startsWith('f:')) return `.${segment.slice(2)}`
      const pairs = Object.entries(JSON.parse(segment.slice(2)) as JsonMap)
      return `[${pairs.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`
    })
    .join('')
}

function conflict(conflicts: readonly { owner: Owner; paths: readonly string[] }[]): StatusError {
  const sorted = [...conflicts].sort((a, b) => (a.owner.manager < b.owner.manager ? -1 : 1))
  const name = ({ owner }: { owner: Owner }) =>
    `"${owner.manager}"${owner.operation === 'Update' ? ` using ${owner.apiVersion}` : ''}`
  const count = sorted.reduce((total, one) => total + one.paths.length, 0)
  const only = sorted.length === 1 && count === 1 ? sorted[0] : undefined
  const list =
    only === undefined
      ? sorted
          .map((one) => [`conflicts with ${name(one)}:`, ...one.paths.map((path) => `- ${path}`)].join('\n'))
          .join('\n')
      : `conflict with ${name(only)}: ${only.paths[0]}`
  const causes = sorted.flatMap((one) =>
    one.paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${name(one)}`, field })),
  )
  const plural = count === 1 ? 'conflict' : 'conflicts'
  return new StatusError(409, 'Conflict', `Apply failed with ${count} ${plural}: ${list}`, { causes })
}

function mergeApplied(live: unknown, applied: unknown, schema: Schema): unknown {
  if (isMap(applied) && schema !== 'any' && !('items' in schema)) {
    const result: JsonMap = isMap(live) ? { ...live } : {}
    for (const [field, value] of Object.entries(applied))
      result[field] = mergeApplied(result[field], value, child(schema, field))
    return result
  }
  if (Array.isArray(applied) && schema !== 'any' && 'items' in schema && schema.keys !== undefined) {
    const { keys, items } = schema
    const result = Array.isArray(live) ? [...live] : []
    for (const item of applied) {
      const at = result.findIndex((existing) => same(keyOf(existing, keys), keyOf(item, keys)))
      if (at >= 0) result[at] = mergeApplied(result[at], item, items)
      else result.push(item)
    }
    return result
  }
  return applied
}

function removeAt(value: unknown, path: readonly string[]): unknown {
  const [first, ...rest] = path
  if (first === undefined) return value
  if (first.startsWith('k:') && Array.isArray(value)) {
    const wanted = JSON.parse(first.slice(2)) as JsonMap
    const keys = Object.keys(wanted)
    const matches = (item: unknown) => same(keyOf(item, keys), wanted)
    if (rest[0] === '.') return value.filter((item) => !matches(item))
    return value.map((item) => (matches(item) ? removeAt(item, rest) : item))
  }
  if (!isMap(value) || !first.startsWith('f:')) return value
  const field = first.slice(2)
  if (rest.length > 0) {
    if (value[field] === undefined) return value
    const inner = removeAt(value[field], rest)
    const emptied = (isMap(inner) && Object.keys(inner).length === 0) || (Array.isArray(inner) && inner.length === 0)
    return emptied ? removeAt(value, [first]) : { ...value, [field]: inner }
  }
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== field))
}
