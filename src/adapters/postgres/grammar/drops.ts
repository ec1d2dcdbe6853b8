import type { AlterObjectSchemaStmt, AlterOwnerStmt, DropStmt, Node, ObjectType, RenameStmt } from 'libpg-query'
import type { RiskWeight } from '../port.ts'
import { is, type Judgements } from './judgement.ts'
import { joined, nameOf, objectName, roleName } from './names.ts'

/** Statements that take an object away, or away from where it is looked for. */

/** What holds rows, or takes columns that hold some along. */
const holdsRows: ReadonlySet<string> = new Set<ObjectType>([
  'OBJECT_TABLE',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_MATVIEW',
  'OBJECT_SCHEMA',
  'OBJECT_SEQUENCE',
  'OBJECT_TYPE',
  'OBJECT_DOMAIN',
  'OBJECT_EXTENSION',
  'OBJECT_DATABASE',
])
const guards: ReadonlySet<string> = new Set<ObjectType>([
  'OBJECT_POLICY',
  'OBJECT_TRIGGER',
  'OBJECT_RULE',
  'OBJECT_EVENT_TRIGGER',
  'OBJECT_ROLE',
])

/** OBJECT_FOREIGN_TABLE is "foreign table". */
function kindInWords(type: string): string {
  if (type === 'OBJECT_MATVIEW') return 'materialized view'
  if (type === 'OBJECT_TABCONSTRAINT' || type === 'OBJECT_DOMCONSTRAINT') return 'constraint'
  return type.replace('OBJECT_', '').toLowerCase().replaceAll('_', ' ')
}

function weightOf(type: string): RiskWeight {
  if (holdsRows.has(type)) return 'lost'
  return guards.has(type) ? 'access' : 'structure'
}

export function drops({ objects = [], removeType = 'OBJECT_TABLE', behavior }: DropStmt): Judgements {
  const cascade = behavior === 'DROP_CASCADE'
  return objects.flatMap((object) => {
    const name = objectName(object)
    const what = `drops ${kindInWords(removeType)} ${name}${cascade ? ' and whatever depends on it' : ''}`
    return is(cascade ? 'lost' : weightOf(removeType), what, removeType === 'OBJECT_TABLE' ? name : undefined)
  })
}

export function renames({
  renameType = 'OBJECT_TABLE',
  relation,
  object,
  subname,
  newname = '',
}: RenameStmt): Judgements {
  const owner = relation === undefined ? named(object) : nameOf(relation)
  const name = subname === undefined ? owner : joined([owner, subname])
  return is('structure', `renames ${kindInWords(renameType)} ${name} to ${newname}`)
}

export function moves({
  objectType = 'OBJECT_TABLE',
  relation,
  object,
  newschema = '',
}: AlterObjectSchemaStmt): Judgements {
  const name = relation === undefined ? named(object) : nameOf(relation)
  return is('structure', `moves ${kindInWords(objectType)} ${name} to schema ${newschema}`)
}

export function givesAway({ objectType = 'OBJECT_TABLE', relation, object, newowner }: AlterOwnerStmt): Judgements {
  const name = relation === undefined ? named(object) : nameOf(relation)
  return is('access', `gives ${kindInWords(objectType)} ${name} to ${roleName(newowner)}`)
}

function named(object: Node | undefined): string {
  return object === undefined ? '' : objectName(object)
}
