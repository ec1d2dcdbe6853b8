import type { DropStmt, Node, ObjectType } from 'libpg-query'
import { partsOf } from '../grammar/names.ts'
import { classes, type Thing } from './dependents.ts'
import type { Taking } from './taking.ts'

const relations: ReadonlySet<ObjectType> = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_SEQUENCE',
  'OBJECT_INDEX',
])
const parts: ReadonlySet<ObjectType> = new Set(['OBJECT_TRIGGER', 'OBJECT_POLICY', 'OBJECT_RULE'])
const others: Partial<Record<ObjectType, number>> = {
  OBJECT_SCHEMA: classes.schema,
  OBJECT_EXTENSION: classes.extension,
  OBJECT_TYPE: classes.type,
  OBJECT_DOMAIN: classes.type,
  OBJECT_FUNCTION: classes.routine,
  OBJECT_PROCEDURE: classes.routine,
  OBJECT_ROUTINE: classes.routine,
  OBJECT_AGGREGATE: classes.routine,
}

export function drops({ objects = [], removeType = 'OBJECT_TABLE', concurrent }: DropStmt, taking: Taking): void {
  const { model } = taking
  if (concurrent === true) {
    for (const object of objects) {
      const index = model.byParts(namesOf(object))
      taking.lock(index, 'SHARE UPDATE EXCLUSIVE')
      taking.lock(index?.of, 'SHARE UPDATE EXCLUSIVE')
      if (index !== undefined && taking.sure) model.remove(index)
    }
  } else if (relations.has(removeType)) {
    taking.drop(objects.flatMap((object) => model.byParts(namesOf(object)) ?? []))
  } else if (parts.has(removeType)) {
    for (const object of objects) dropPart(removeType, namesOf(object), taking)
  } else if (removeType === 'OBJECT_STATISTIC_EXT') {
    for (const object of objects) dropStatistics(namesOf(object), taking)
  } else {
    const of = others[removeType]
    if (of !== undefined) taking.dropThings(objects.flatMap((object) => thingsOf(of, object, taking)))
    if (removeType === 'OBJECT_SCHEMA')
      taking.drop(objects.flatMap((object) => model.inSchema(namesOf(object).at(-1) ?? '')))
  }
}

function dropPart(kind: ObjectType, names: readonly string[], taking: Taking): void {
  const relation = taking.model.byParts(names.slice(0, -1))
  if (relation === undefined) return
  const descend = kind === 'OBJECT_TRIGGER' && taking.model.hasRowTrigger(relation, names.at(-1))
  taking.lockAll(relation, 'ACCESS EXCLUSIVE', descend)
}

function dropStatistics(names: readonly string[], taking: Taking): void {
  const { dependents, model } = taking
  const schemas = names.length > 1 ? [names.at(-2)] : model.path
  const found = dependents?.statistics.find(([, schema, name]) => name === names.at(-1) && schemas.includes(schema))
  if (found !== undefined) taking.lock(model.withOid(found[3]), 'SHARE UPDATE EXCLUSIVE')
}

function thingsOf(of: number, object: Node, { dependents, model }: Taking): readonly Thing[] {
  const names = namesOf(object)
  const [name, schema] = [names.at(-1) ?? '', names.at(-2)]
  if (dependents === undefined) return []
  const schemas =
    of === classes.schema || of === classes.extension ? [''] : schema === undefined ? model.path : [schema]
  return dependents.named(of, schemas, name, argumentCount(object))
}

/** The number of a routine's input arguments; undefined where the statement leaves them out. */
function argumentCount(object: Node): number | undefined {
  if (!('ObjectWithArgs' in object) || object.ObjectWithArgs.args_unspecified === true) return undefined
  return (object.ObjectWithArgs.objargs ?? []).length
}

function namesOf(object: Node): readonly string[] {
  if ('List' in object) return partsOf(object.List.items ?? [])
  if ('ObjectWithArgs' in object) return partsOf(object.ObjectWithArgs.objname ?? [])
  if ('TypeName' in object) return partsOf(object.TypeName.names ?? [])
  return partsOf([object])
}
