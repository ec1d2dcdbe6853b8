import type { CreateStmt, Node, RangeVar, ReindexStmt, VacuumStmt } from 'libpg-query'
import type { NodeOf, StatementKind } from '../grammar/node-kinds.ts'
import { alterTable, constrain, inheritKeys } from './alter-table.ts'
import { commentsOn, movesToSchema, refreshes, renames } from './alter-objects.ts'
import { drops } from './drops.ts'
import { type Mode, modeOfNumber } from './modes.ts'
import type { Relation } from './schema-model.ts'
import { setsPath, setsPathByCall } from './search-path.ts'
import type { Taking } from './taking.ts'

type Take<K extends StatementKind> = (statement: NodeOf<K>, taking: Taking) => void

const on =
  (relation: RangeVar | undefined, mode: Mode, descend = false) =>
  (taking: Taking): void =>
    taking.lockAll(taking.model.named(relation), mode, descend)

/**
 * What each statement locks, strongly enough to keep readers, writers or other changes of the schema waiting. A statement that is not here
 * (a query, a change of rows, a function, a grant) takes weaker locks alone.
 */
export const takes: { readonly [K in StatementKind]?: Take<K> } = {
  AlterTableStmt: alterTable,
  CreateStmt: createTable,
  CreateForeignTableStmt: ({ base }, taking) => {
    if (base !== undefined) createTable(base, taking, 'f')
  },
  CreateTableAsStmt: ({ into, objtype }, { model }) => {
    model.make(into?.rel, objtype === 'OBJECT_MATVIEW' ? 'm' : 'r')
  },
  SelectStmt: (statement, taking) => {
    if (statement.intoClause?.rel !== undefined) taking.model.make(statement.intoClause.rel, 'r')
    setsPathByCall(statement, taking)
  },
  CreateSeqStmt: ({ sequence }, { model }) => {
    model.make(sequence, 'S')
  },
  ViewStmt: ({ view, replace }, taking) => {
    if (replace === true) taking.lock(taking.model.named(view), 'ACCESS EXCLUSIVE')
    taking.model.make(view, 'v')
  },
  IndexStmt: ({ relation, idxname, concurrent }, taking) => {
    const table = taking.model.named(relation)
    if (table === undefined) return
    taking.lockAll(
      table,
      concurrent === true ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE',
      relation?.inh === true && table.kind === 'p',
    )
    taking.model.makeIndex(idxname, table)
  },
  CreateTrigStmt: ({ relation, row, trigname = '' }, taking) => {
    const table = taking.model.named(relation)
    taking.lockAll(table, 'SHARE ROW EXCLUSIVE', row === true && table?.kind === 'p')
    if (row === true) taking.model.addRowTrigger(table, trigname)
  },
  CreatePolicyStmt: ({ table }, taking) => on(table, 'ACCESS EXCLUSIVE')(taking),
  AlterPolicyStmt: ({ table }, taking) => on(table, 'ACCESS EXCLUSIVE')(taking),
  RuleStmt: ({ relation }, taking) => on(relation, 'ACCESS EXCLUSIVE')(taking),
  AlterSeqStmt: ({ sequence }, taking) => on(sequence, 'SHARE ROW EXCLUSIVE')(taking),
  AlterObjectDependsStmt: ({ relation }, taking) => on(relation, 'ACCESS EXCLUSIVE')(taking),
  RefreshMatViewStmt: refreshes,
  RenameStmt: renames,
  AlterObjectSchemaStmt: movesToSchema,
  CommentStmt: ({ objtype, object }, taking) => commentsOn(objtype, object, taking),
  SecLabelStmt: ({ objtype, object }, taking) => commentsOn(objtype, object, taking),
  DropStmt: drops,
  DropOwnedStmt: ({ roles = [] }, taking) => taking.drop(ownedBy(roles, taking)),
  ReassignOwnedStmt: ({ roles = [] }, taking) => {
    for (const relation of ownedBy(roles, taking)) taking.lock(relation, 'ACCESS EXCLUSIVE')
  },
  TruncateStmt: ({ relations = [], behavior }, taking) => {
    for (const named of relations)
      if ('RangeVar' in named) truncates(named.RangeVar, behavior === 'DROP_CASCADE', taking)
  },
  LockStmt: ({ relations = [], mode = 8 }, taking) => {
    const told = modeOfNumber(mode)
    if (told === undefined) return
    for (const named of relations) {
      if (!('RangeVar' in named)) continue
      const relation = taking.model.named(named.RangeVar)
      if (relation?.kind === 'v') taking.lockView(relation, told)
      else taking.lockAll(relation, told, named.RangeVar.inh === true)
    }
  },
  CreateStatsStmt: ({ relations = [] }, taking) => {
    for (const named of relations) if ('RangeVar' in named) on(named.RangeVar, 'SHARE UPDATE EXCLUSIVE')(taking)
  },
  CreatePublicationStmt: ({ pubobjects = [] }, taking) => publishes(pubobjects, taking),
  AlterPublicationStmt: ({ pubname, pubobjects = [], action }, taking) => {
    if (action === 'AP_SetObjects')
      for (const [publication, oid] of taking.published)
        if (publication === pubname) taking.lock(taking.model.withOid(oid), 'SHARE UPDATE EXCLUSIVE')
    publishes(pubobjects, taking)
  },
  AlterDomainStmt: ({ subtype, typeName = [], def }, taking) => {
    const checks =
      subtype === 'O' ||
      (subtype === 'C' && !(def !== undefined && 'Constraint' in def && def.Constraint.skip_validation === true))
    if (checks || subtype === 'V') taking.lockUsersOfDomain(typeName)
  },
  ClusterStmt: ({ relation }, taking) => {
    if (relation === undefined) for (const one of tables(taking)) taking.lock(one, 'ACCESS EXCLUSIVE')
    else on(relation, 'ACCESS EXCLUSIVE', true)(taking)
  },
  VacuumStmt: vacuums,
  ReindexStmt: reindexes,
  CreateSchemaStmt: ({ schemaname, schemaElts = [] }, taking) => {
    const before = taking.model.path
    if (schemaname !== undefined) taking.model.path = [schemaname, ...before]
    for (const element of schemaElts) takeStatement(element, taking)
    taking.model.path = before
  },
  VariableSetStmt: setsPath,
  DiscardStmt: ({ target }, { model }) => {
    if (target === 'DISCARD_ALL') model.searchIn(undefined)
  },
}

/** Takes what a statement locks, and lets what follows see what it has made. */
export function takeStatement(statement: Node, taking: Taking): void {
  for (const [kind, node] of Object.entries(statement))
    if (isKind(kind)) takeOne(kind, node as NodeOf<typeof kind>, taking)
}

function isKind(kind: string): kind is StatementKind {
  return Object.hasOwn(takes, kind)
}

function takeOne<K extends StatementKind>(kind: K, node: NodeOf<K>, taking: Taking): void {
  takes[kind]?.(node, taking)
}

function createTable(statement: CreateStmt, taking: Taking, kind?: string): void {
  const { relation, inhRelations = [], tableElts = [], constraints = [], partspec, partbound } = statement
  const { model } = taking
  const known = model.find(
    relation?.schemaname ?? (relation?.relpersistence === 't' ? 'pg_temp' : model.path[0]),
    relation?.relname ?? '',
  )
  // `if not exists` of one that is there does nothing at all.
  if (known !== undefined) return
  const parents = inhRelations.flatMap((one) => ('RangeVar' in one ? [model.named(one.RangeVar)] : []))
  const made = model.make(relation, kind ?? (partspec === undefined ? 'r' : 'p'))
  for (const parent of parents) {
    if (parent === undefined) continue
    if (partbound === undefined) taking.lock(parent, 'SHARE UPDATE EXCLUSIVE')
    else partitions(parent, made, partbound.is_default === true, taking)
    model.inherit(made, parent, { partition: partbound !== undefined, isDefault: partbound?.is_default === true })
  }
  for (const element of [...tableElts, ...constraints]) {
    if ('Constraint' in element) constrain(element.Constraint, made, [], taking)
    if ('ColumnDef' in element)
      for (const one of element.ColumnDef.constraints ?? [])
        if ('Constraint' in one) constrain(one.Constraint, made, [element.ColumnDef.colname ?? ''], taking)
  }
}

function partitions(parent: Relation, made: Relation, isDefault: boolean, taking: Taking): void {
  taking.lock(parent, 'ACCESS EXCLUSIVE')
  if (!isDefault) taking.lockAll(taking.model.defaultPartition(parent), 'ACCESS EXCLUSIVE')
  inheritKeys(parent, made, taking)
}

function truncates(named: RangeVar, cascade: boolean, taking: Taking): void {
  const { model } = taking
  const waiting = [{ relation: model.named(named), descend: named.inh === true }]
  const seen = new Set<Relation>()
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { relation, descend } = next
    if (relation === undefined || seen.has(relation)) continue
    seen.add(relation)
    taking.lock(relation, 'ACCESS EXCLUSIVE')
    if (descend) waiting.push(...[...relation.children.keys()].map((child) => ({ relation: child, descend })))
    if (cascade) waiting.push(...model.referring(relation).map((one) => ({ relation: one.relation, descend: true })))
  }
}

function publishes(objects: readonly Node[], taking: Taking): void {
  for (const one of objects) {
    const table = 'PublicationObjSpec' in one ? one.PublicationObjSpec.pubtable?.relation : undefined
    if (table !== undefined) on(table, 'SHARE UPDATE EXCLUSIVE', table.inh === true)(taking)
  }
}

function vacuums({ rels = [], options = [] }: VacuumStmt, taking: Taking): void {
  const mode = isSet(options, 'full') ? 'ACCESS EXCLUSIVE' : 'SHARE UPDATE EXCLUSIVE'
  if (rels.length === 0) for (const one of [...tables(taking), ...partitioned(taking)]) taking.lock(one, mode)
  for (const one of rels)
    if ('VacuumRelation' in one) {
      const relation = taking.model.named(one.VacuumRelation.relation)
      taking.lockAll(relation, mode, relation?.kind === 'p')
    }
}

function reindexes({ kind, relation: named, name, params = [] }: ReindexStmt, taking: Taking): void {
  const { model } = taking
  const concurrently = isSet(params, 'concurrently')
  const reindex = (relation: Relation | undefined): void => {
    if (relation === undefined) return
    const indexes = relation.kind === 'i' || relation.kind === 'I' ? [relation] : model.indexesOf(relation)
    const whole = [...indexes, ...indexes.flatMap((index) => model.descendants(index))]
    for (const table of new Set(relation.of === undefined ? [relation] : whole.map(({ of }) => of)))
      taking.lock(table, concurrently ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE')
    for (const index of whole) taking.lock(index, concurrently ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE')
  }
  if (kind === 'REINDEX_OBJECT_INDEX' || kind === 'REINDEX_OBJECT_TABLE') {
    const relation = model.named(named)
    reindex(relation)
    if (relation?.kind === 'p') for (const one of model.descendants(relation)) reindex(one)
    return
  }
  const all = kind === 'REINDEX_OBJECT_SCHEMA' ? model.inSchema(name ?? '') : model.all()
  for (const one of all) if (one.kind === 'r' || one.kind === 'm') reindex(one)
}

function tables({ model }: Taking): readonly Relation[] {
  return model.all().filter(({ kind }) => kind === 'r' || kind === 'm')
}

function partitioned({ model }: Taking): readonly Relation[] {
  return model.all().filter(({ kind }) => kind === 'p')
}

function ownedBy(roles: readonly Node[], { model }: Taking): readonly Relation[] {
  const names = new Set(roles.flatMap((one) => ('RoleSpec' in one ? [one.RoleSpec.rolename ?? ''] : [])))
  return model.all().filter(({ owner }) => owner !== undefined && names.has(owner))
}

function isSet(options: readonly Node[], name: string): boolean {
  return options.some((one) => {
    if (!('DefElem' in one) || one.DefElem.defname !== name) return false
    const { arg } = one.DefElem
    if (arg === undefined) return true
    if ('String' in arg) return !/^(false|off|no|0)$/i.test(arg.String.sval ?? '')
    if ('Integer' in arg) return arg.Integer.ival === 1
    return !('Boolean' in arg) || arg.Boolean.boolval === true
  })
}
