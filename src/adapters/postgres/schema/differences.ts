import { relationKey } from './cascade.ts'
import { shown } from './keys.ts'
import {
  type Column,
  type Key,
  type NamedType,
  type Relation,
  type Routine,
  type SchemaState,
  temporary,
} from './model.ts'
import { columnKey, nameOfRelation, routineKey, typeInWords } from './simulation.ts'

interface Taken {
  readonly object: string
  readonly what: string
}

/** What a file does to releases that do not know it. */
interface Differences {
  /** A statement that names it fails, whatever its values. */
  readonly takes: readonly Taken[]
  /** Some statements may fail, depending on what they say. */
  readonly may: readonly Taken[]
  readonly makes: readonly string[]
}

/** Compares two states by names, which is what releases know. `words` says how something went. Pure. */
export function differences(before: SchemaState, after: SchemaState, words: ReadonlyMap<string, string>): Differences {
  const is = new Map([...after.relations.values()].map((one) => [relationKey(one), one]))
  const ids = new Map([...after.relations].map(([id, one]) => [relationKey(one), id]))
  const found = new Findings(words, renamedTypes(before, after))
  schemas(before, after, found)
  for (const [id, was] of before.relations) {
    if (was.schema === temporary || was.kind === 'index') continue
    const key = relationKey(was)
    const now = is.get(key)
    const soft = was.kind === 'sequence' || was.partitionOf !== undefined || was.unsure === true
    if (now === undefined) {
      if (was.kind !== 'sequence' || words.has(key)) found.lost(key, `drops ${was.kind} ${nameOfRelation(was)}`, soft)
    }
    // What a branch decides was told with the branch.
    else if (now.unsure !== true) compare(was, now, ids.get(key) !== id, found)
  }
  routines(before, after, found)
  types(before, after, found)
  const had = new Set([...before.relations.values()].map(relationKey))
  for (const [key, now] of is) {
    if (now.schema === temporary || now.kind === 'index') continue
    if (!had.has(key))
      found.makes.push(key, ...[...(now.columns?.keys() ?? [])].map((name) => columnKey(now, name)), ...policiesOf(now))
  }
  const order = new Map([...words.keys()].map((key, place) => [key, place]))
  const place = ({ object }: Taken): number => order.get(object) ?? order.size
  // In the order in which it happens: what a statement names comes before what it takes along.
  const inOrder = (taken: readonly Taken[]): readonly Taken[] => taken.toSorted((a, b) => place(a) - place(b))
  return { takes: inOrder(found.takes), may: inOrder(found.may), makes: found.makes }
}

/** A column whose type has another name now holds what it held. */
function renamedTypes(before: SchemaState, after: SchemaState): ReadonlyMap<string, string> {
  return new Map(
    [...before.types].flatMap(([id, { name }]) => {
      const now = after.types.get(id)?.name
      return now === undefined || now === name ? [] : [[name, now] as const, [`_${name}`, `_${now}`] as const]
    }),
  )
}

class Findings {
  readonly takes: Taken[] = []
  readonly may: Taken[] = []
  readonly makes: string[] = []
  readonly #words: ReadonlyMap<string, string>
  /** The new names of types by their old ones. */
  readonly renamed: ReadonlyMap<string, string>

  constructor(words: ReadonlyMap<string, string>, renamed: ReadonlyMap<string, string>) {
    this.#words = words
    this.renamed = renamed
  }

  lost(object: string, otherwise: string, soft = false): void {
    ;(soft ? this.may : this.takes).push({ object, what: this.#words.get(object) ?? otherwise })
  }

  doubt(object: string, what: string): void {
    this.may.push({ object, what })
  }
}

function schemas(before: SchemaState, after: SchemaState, found: Findings): void {
  for (const schema of before.schemas)
    if (!after.schemas.has(schema)) found.lost(`schema ${shown([schema])}`, `drops schema ${shown([schema])}`)
  for (const schema of after.schemas) if (!before.schemas.has(schema)) found.makes.push(`schema ${shown([schema])}`)
}

const keyOfPolicy = ({ schema, name }: Relation, policy: string): string => `policy ${shown([schema, name, policy])}`

function policiesOf(relation: Relation): readonly string[] {
  return [...relation.policies.keys()].map((policy) => keyOfPolicy(relation, policy))
}

/** Compares what has the same name in both. */
function compare(was: Relation, is: Relation, another: boolean, found: Findings): void {
  const name = nameOfRelation(is)
  const table = `table ${name}`
  if (is.kind !== was.kind) found.doubt(table, `makes ${is.kind} ${name} of what was a ${was.kind}`)
  else if (another && is.columns !== undefined) found.doubt(table, `drops ${is.kind} ${name} and makes it anew`)
  if (is.columns === undefined && another)
    found.doubt(table, `makes ${is.kind} ${name} anew, with columns that cannot be told`)
  if (was.populated && !is.populated) found.doubt(table, `leaves materialized view ${name} empty, so it cannot be read`)
  if (was.columns !== undefined && is.columns !== undefined) columns(was, is, found)
  if (is.kind === was.kind) keys(was, is, found)
  security(was, is, found)
  for (const trigger of is.triggers)
    if (!was.triggers.has(trigger)) found.doubt(table, `adds trigger ${trigger} to ${name}`)
  for (const trigger of was.triggers)
    if (!is.triggers.has(trigger)) found.doubt(table, `drops trigger ${trigger} of ${name}`)
  for (const policy of is.policies.keys()) if (!was.policies.has(policy)) found.makes.push(keyOfPolicy(is, policy))
}

function columns(was: Relation, is: Relation, found: Findings): void {
  for (const [column, old] of was.columns ?? []) {
    const now = is.columns?.get(column)
    const soft = was.partitionOf !== undefined || old.unsure === true
    if (now === undefined) found.lost(columnKey(was, column), `drops ${columnKey(was, column)}`, soft)
    else if (now.unsure !== true) changedColumn(is, column, old, now, found)
  }
  for (const [column, now] of is.columns ?? []) {
    if (was.columns?.has(column) === true) continue
    found.makes.push(columnKey(is, column))
    if (!mustBeGiven(now) || now.unsure === true) continue
    const object = columnKey(is, column).replace(/^column /, 'empty ')
    found.takes.push({ object, what: `requires a value in the new ${columnKey(is, column)}` })
  }
}

function mustBeGiven({ notNull, fill }: Column): boolean {
  return notNull && fill === undefined
}

function changedColumn(is: Relation, name: string, old: Column, now: Column, found: Findings): void {
  const key = columnKey(is, name)
  const empty = key.replace(/^column /, 'empty ')
  if (mustBeGiven(now) && !mustBeGiven(old))
    found.doubt(empty, old.notNull ? `drops the default of ${key}, which needs a value` : `requires a value in ${key}`)
  else if (now.notNull && !old.notNull) found.doubt(`null ${key}`, `refuses null in ${key}`)
  if (is.kind === 'table' && mustBeGiven(old) && !mustBeGiven(now)) found.makes.push(empty)
  if (now.fill !== old.fill && (now.fill === 'always' || now.fill === 'computed'))
    found.doubt(key, `computes ${key} itself and refuses a given value`)
  if (old.type !== '' && now.type !== '' && !holdsAll(now.type, found.renamed.get(old.type) ?? old.type))
    found.doubt(key, `changes ${key} from ${typeInWords(old.type)} to ${typeInWords(now.type)}`)
}

/** Whether the new type takes every value of the old one and gives it back the same. */
function holdsAll(now: string, old: string): boolean {
  if (now === old) return true
  const [, nowName, nowSize] = /^(\w+)(?:\((.*)\))?$/.exec(now) ?? []
  const [, oldName, oldSize] = /^(\w+)(?:\((.*)\))?$/.exec(old) ?? []
  const texts = ['text', 'varchar']
  if (texts.includes(nowName ?? '') && texts.includes(oldName ?? ''))
    return nowName === 'text' || nowSize === undefined || (oldSize !== undefined && Number(nowSize) >= Number(oldSize))
  if (nowName !== 'numeric' || oldName !== 'numeric') return false
  if (nowSize === undefined) return true
  if (oldSize === undefined) return false
  const [precision = 0, scale = 0] = nowSize.split(',').map(Number)
  const [oldPrecision = 0, oldScale = 0] = oldSize.split(',').map(Number)
  return scale >= oldScale && precision - scale >= oldPrecision - oldScale
}

const keyWords: Readonly<Record<Key['kind'], string>> = {
  unique: 'a unique index',
  primary: 'a primary key',
  exclusion: 'an exclusion constraint',
  check: 'a check',
  foreign: 'a foreign key',
}

function keys(was: Relation, is: Relation, found: Findings): void {
  const name = nameOfRelation(is)
  const same = (a: Key, b: Key): boolean =>
    a.kind === b.kind && a.columns.toSorted().join('\0') === b.columns.toSorted().join('\0')
  const conflicts = (kind: Key['kind']): boolean => kind === 'unique' || kind === 'primary' || kind === 'exclusion'
  for (const [id, key] of is.keys) {
    const old = was.keys.get(id)
    if (old !== undefined && same(old, key)) continue
    if (key.kind !== 'check' && [...was.keys.values()].some((one) => same(one, key))) continue
    if (passesOld(key, was, is)) continue
    const over = key.columns.length === 0 ? '' : ` over ${key.columns.map((one) => shown(['public', one])).join(', ')}`
    found.doubt(`table ${name}`, `adds ${keyWords[key.kind]}${over} to ${name}`)
  }
  for (const [id, key] of was.keys) {
    if (!conflicts(key.kind) || is.keys.has(id) || [...is.keys.values()].some((one) => same(one, key))) continue
    // A column that is gone took its index along, and is told itself.
    if (key.columns.every((one) => is.columns?.has(one) === true))
      found.doubt(`table ${name}`, `drops ${keyWords[key.kind]} of ${name}, which an on conflict may name`)
  }
}

/** Whether rows that leave new columns empty pass: of a check all columns must be new, of a key one. */
function passesOld(key: Key, was: Relation, is: Relation): boolean {
  const fresh = key.columns.filter((one) => was.columns?.has(one) === false && is.columns?.get(one)?.fill === undefined)
  if (!key.passesEmpty || key.columns.length === 0) return false
  if (key.kind === 'exclusion' || key.kind === 'unique' || key.kind === 'foreign') return fresh.length > 0
  return key.kind === 'check' && fresh.length === key.columns.length
}

function security(was: Relation, is: Relation, found: Findings): void {
  const name = nameOfRelation(is)
  if (is.rowSecurity && !was.rowSecurity) found.doubt(`table ${name}`, `enables row level security of ${name}`)
  if (is.forced && !was.forced) found.doubt(`table ${name}`, `forces row level security upon the owner of ${name}`)
  if (!is.rowSecurity || !was.rowSecurity) return
  for (const [policy, { restrictive }] of is.policies)
    if (restrictive && !was.policies.has(policy))
      found.doubt(`table ${name}`, `adds restrictive policy ${policy} to ${name}`)
  for (const [policy, { restrictive }] of was.policies)
    if (!restrictive && !is.policies.has(policy)) found.doubt(`table ${name}`, `drops policy ${policy} of ${name}`)
}

function routines(before: SchemaState, after: SchemaState, found: Findings): void {
  const now = new Map([...after.routines].map(([id, one]) => [routineKey(one), { ...one, id }]))
  for (const [id, was] of before.routines) {
    const key = routineKey(was)
    const is: (Routine & { readonly id: string }) | undefined = now.get(key)
    if (is === undefined) found.lost(key, `drops ${key}`, was.unsure === true)
    else if (is.id !== id && is.unsure !== true) found.doubt(key, `drops ${key} and makes it anew`)
  }
  const had = new Set([...before.routines.values()].map(routineKey))
  // Without its arguments too, as earlier versions of Purser recorded it.
  for (const [key, one] of now) {
    if (had.has(key)) continue
    found.makes.push(key, `function ${shown([one.schema, one.name])}`)
    const other = [...before.routines.values()].find(
      (old) => old.schema === one.schema && old.name === one.name && now.has(routineKey(old)) && mayMeanBoth(old, one),
    )
    if (other !== undefined)
      found.doubt(
        routineKey(other),
        `adds another function ${shown([one.schema, one.name])}, so a call may be ambiguous`,
      )
  }
}

/** Whether a call with so many arguments could mean both. */
function mayMeanBoth(a: Routine, b: Routine): boolean {
  const least = ({ args, defaults }: Routine): number => args.length - defaults
  return least(a) <= b.args.length && least(b) <= a.args.length
}

const typeKey = ({ schema, name }: NamedType): string => `type ${shown([schema, name])}`
const valueKey = ({ schema, name }: NamedType, label: string): string => `value ${shown([schema, name, label])}`

function types(before: SchemaState, after: SchemaState, found: Findings): void {
  const now = new Map([...after.types.values()].map((one) => [typeKey(one), one]))
  for (const was of before.types.values()) {
    const is = now.get(typeKey(was))
    if (is === undefined) found.lost(typeKey(was), `drops ${typeKey(was)}`, true)
    for (const label of is === undefined ? [] : was.labels)
      if (is?.labels.includes(label) === false)
        found.lost(valueKey(was, label), `takes value ${label} from ${typeKey(was)}`, is.unsure === true)
    for (const label of is?.labels ?? [])
      if (!was.labels.includes(label) && is !== undefined) found.makes.push(valueKey(is, label))
  }
  const had = new Set([...before.types.values()].map(typeKey))
  for (const [key, one] of now)
    if (!had.has(key)) found.makes.push(key, ...one.labels.map((label) => valueKey(one, label)))
}
