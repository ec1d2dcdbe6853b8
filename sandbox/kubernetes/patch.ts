import { isMap, type JsonMap, same } from './objects.ts'
import { child, type Schema } from './schema.ts'
import { badRequest, StatusError } from './status.ts'

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch
  const result: JsonMap = isMap(target) ? { ...target } : {}
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field]
    else result[field] = mergePatch(result[field], value)
  }
  return result
}

/** Strategic merge: keyed lists merge by key, `$patch: delete` and `$patch: replace` as kubectl sends them. */
export function strategicMerge(target: unknown, patch: unknown, schema: Schema): unknown {
  if (!isMap(patch)) return patch
  if (patch.$patch === 'replace') return without(patch, '$patch')
  const result: JsonMap = isMap(target) ? { ...target } : {}
  const directives = Object.entries(patch).filter(([field]) => field.startsWith('$'))
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith('$')) continue
    const inner = child(schema, field)
    if (value === null) delete result[field]
    else if (Array.isArray(value) && inner !== 'any' && 'patchKey' in inner && inner.patchKey !== undefined)
      result[field] = mergeList(result[field], value, inner.items, inner.patchKey)
    else result[field] = strategicMerge(result[field], value, inner)
  }
  for (const [directive, value] of directives) applyDirective(result, directive, value, schema)
  return result
}

function applyDirective(result: JsonMap, directive: string, value: unknown, schema: Schema): void {
  const deleted = /^\$deleteFromPrimitiveList\/(.+)$/.exec(directive)?.[1]
  const current = deleted === undefined ? undefined : result[deleted]
  if (deleted !== undefined && Array.isArray(current) && Array.isArray(value)) {
    result[deleted] = current.filter((item) => !value.includes(item))
    return
  }
  if (directive === '$retainKeys' && Array.isArray(value)) {
    for (const field of Object.keys(result)) if (!value.includes(field)) delete result[field]
    return
  }
  const ordered = /^\$setElementOrder\/(.+)$/.exec(directive)?.[1]
  const list = ordered === undefined ? undefined : result[ordered]
  const inner = ordered === undefined ? 'any' : child(schema, ordered)
  if (ordered === undefined || !Array.isArray(list) || !Array.isArray(value)) return
  const keyField = inner !== 'any' && 'patchKey' in inner ? inner.patchKey : undefined
  if (keyField === undefined) return
  const rank = (item: unknown) =>
    value.findIndex((wanted) => isMap(wanted) && isMap(item) && wanted[keyField] === item[keyField])
  result[ordered] = [...list].sort((a, b) => rank(a) - rank(b))
}

function mergeList(target: unknown, patch: readonly unknown[], items: Schema, key: string): unknown[] {
  const before: readonly unknown[] = Array.isArray(target) ? target : []
  const result = [...before]
  if (patch.some((item) => isMap(item) && item.$patch === 'replace'))
    return patch.filter((item) => !(isMap(item) && item.$patch === 'replace'))
  for (const item of patch) {
    if (!isMap(item)) continue
    if (item[key] === undefined) {
      const shown = Object.entries(item).map(([name, value]) => `${name}:${String(value)}`)
      throw new StatusError(500, undefined, `map: map[${shown.join(' ')}] does not contain declared merge key: ${key}`)
    }
    const at = result.findIndex((existing) => isMap(existing) && existing[key] === item[key])
    if (item.$patch === 'delete') {
      if (at >= 0) result.splice(at, 1)
    } else if (at >= 0) result[at] = strategicMerge(result[at], item, items)
    else result.push(strategicMerge(undefined, item, items))
  }
  return inOrder(result, before, patch, key)
}

/**
 * normalizeElementOrder of the API server: items that the patch names in its order, the others in theirs; where the two
 * meet, the former list decides if it has both, and otherwise the patch's item comes first.
 */
function inOrder(merged: unknown[], before: readonly unknown[], patch: readonly unknown[], key: string): unknown[] {
  const placeIn = (list: readonly unknown[], item: unknown) =>
    list.findIndex((one) => isMap(one) && isMap(item) && one[key] === item[key])
  const named = merged.filter((item) => placeIn(patch, item) >= 0).sort((a, b) => placeIn(patch, a) - placeIn(patch, b))
  const others = merged.filter((item) => placeIn(patch, item) < 0)
  const result: unknown[] = []
  while (named.length > 0 && others.length > 0) {
    const [mine, theirs] = [placeIn(before, named[0]), placeIn(before, others[0])]
    const otherFirst = mine >= 0 && theirs >= 0 && theirs < mine
    result.push(otherFirst ? others.shift() : named.shift())
  }
  return [...result, ...named, ...others]
}

function without(map: JsonMap, field: string): JsonMap {
  return Object.fromEntries(Object.entries(map).filter(([name]) => name !== field))
}

export function jsonPatch(target: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations))
    throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp')
  return operations.reduce<unknown>((document, operation) => {
    if (!isMap(operation) || typeof operation.op !== 'string' || typeof operation.path !== 'string') throw rejected()
    return applyOperation(document, operation, operation.op, segments(operation.path))
  }, structuredClone(target))
}

const rejected = () =>
  new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {})

function segments(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function applyOperation(document: unknown, operation: JsonMap, op: string, path: string[]): unknown {
  const from = typeof operation.from === 'string' ? segments(operation.from) : []
  switch (op) {
    case 'test':
      if (!same(read(document, path), operation.value)) throw rejected()
      return document
    case 'add':
      return put(document, path, operation.value, true)
    case 'replace':
      if (read(document, path) === undefined) throw rejected()
      return put(document, path, operation.value, false)
    case 'remove':
      if (read(document, path) === undefined) throw rejected()
      return drop(document, path)
    case 'copy':
      return put(document, path, structuredClone(read(document, from)), true)
    case 'move':
      return put(drop(document, from), path, read(document, from), true)
    default:
      throw rejected()
  }
}

function read(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, segment) => {
    if (Array.isArray(at)) return at[Number(segment)]
    return isMap(at) ? at[segment] : undefined
  }, document)
}

function put(document: unknown, path: readonly string[], value: unknown, insert: boolean): unknown {
  const [first, ...rest] = path
  if (first === undefined) return value
  if (Array.isArray(document)) {
    const at = first === '-' ? document.length : Number(first)
    const copy = [...document]
    if (rest.length > 0) copy[at] = put(copy[at], rest, value, insert)
    else if (insert) copy.splice(at, 0, value)
    else copy[at] = value
    return copy
  }
  if (!isMap(document) || (rest.length > 0 && document[first] === undefined)) throw rejected()
  return { ...document, [first]: put(document[first], rest, value, insert) }
}

function drop(document: unknown, path: readonly string[]): unknown {
  const [first, ...rest] = path
  if (first === undefined) return undefined
  if (Array.isArray(document)) {
    const copy = [...document]
    if (rest.length === 0) copy.splice(Number(first), 1)
    else copy[Number(first)] = drop(copy[Number(first)], rest)
    return copy
  }
  if (!isMap(document)) throw rejected()
  return rest.length === 0 ? without(document, first) : { ...document, [first]: drop(document[first], rest) }
}
