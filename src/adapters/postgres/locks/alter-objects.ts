import type { AlterObjectSchemaStmt, Node, ObjectType, RefreshMatViewStmt, RenameStmt } from 'libpg-query'
import { partsOf } from '../grammar/names.ts'
import type { Taking } from './taking.ts'

/** Statements that name, move or describe what is there. */

export function renames(statement: RenameStmt, taking: Taking): void {
  const { renameType, relation: named, subname = '', newname = '' } = statement
  const { model } = taking
  if (renameType === 'OBJECT_SCHEMA') {
    if (taking.sure) for (const one of model.inSchema(subname)) model.rename(one, { schema: newname })
    return
  }
  const relation = named === undefined ? undefined : model.named(named)
  if (relation === undefined) return
  const isIndex = relation.kind === 'i' || relation.kind === 'I'
  if (renameType === 'OBJECT_COLUMN' || renameType === 'OBJECT_ATTRIBUTE') taking.lockAll(relation, 'ACCESS EXCLUSIVE')
  else if (renameType === 'OBJECT_TRIGGER')
    taking.lockAll(relation, 'ACCESS EXCLUSIVE', model.hasRowTrigger(relation, subname))
  else if (renameType === 'OBJECT_TABCONSTRAINT') renameConstraint(statement, taking)
  else taking.lock(relation, isIndex ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE')
  if (!wholeRelations.has(renameType ?? 'OBJECT_TABLE')) return
  if (taking.sure) model.rename(relation, { name: newname })
  else model.alias(relation, { name: newname })
}

const wholeRelations: ReadonlySet<ObjectType> = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_SEQUENCE',
  'OBJECT_INDEX',
])

function renameConstraint({ relation: named, subname, newname = '' }: RenameStmt, taking: Taking): void {
  const relation = taking.model.named(named)
  if (relation === undefined) return
  const known = taking.model.constraints(relation).find(({ name }) => name === subname)
  taking.lockAll(relation, 'ACCESS EXCLUSIVE', known?.type === 'c' || known?.type === 'n')
  if (known !== undefined && taking.sure) known.name = newname
}

export function movesToSchema({ relation: named, newschema }: AlterObjectSchemaStmt, taking: Taking): void {
  const relation = named === undefined ? undefined : taking.model.named(named)
  if (relation === undefined || newschema === undefined) return
  taking.lock(relation, 'ACCESS EXCLUSIVE')
  if (taking.sure) taking.model.rename(relation, { schema: newschema })
  else taking.model.alias(relation, { schema: newschema })
}

export function refreshes({ relation: named, concurrent }: RefreshMatViewStmt, taking: Taking): void {
  taking.lock(taking.model.named(named), concurrent === true ? 'EXCLUSIVE' : 'ACCESS EXCLUSIVE')
}

/** A comment or a label on a relation or a column keeps only other changes of the schema waiting; on a trigger or a policy nobody. */
export function commentsOn(objtype: ObjectType | undefined, object: Node | undefined, taking: Taking): void {
  if (objtype === undefined || object === undefined || !('List' in object)) return
  const parts = partsOf(object.List.items ?? [])
  const relation = objtype === 'OBJECT_COLUMN' ? parts.slice(0, -1) : parts
  if (objtype === 'OBJECT_COLUMN' || wholeRelations.has(objtype))
    taking.lock(taking.model.byParts(relation), 'SHARE UPDATE EXCLUSIVE')
}
