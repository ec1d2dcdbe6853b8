import { type Constraint, type Node, parse, type RangeVar } from 'libpg-query'
import { partsOf } from './names.ts'
import { firstWord, lineCounter } from './read-migration.ts'
import { walk } from './walk.ts'

/** A right that a statement of a migration needs. */
export interface NeededRight {
  readonly line: number
  /** `own`: a relation that is there; `drop`: it, or its schema; `create`: in a schema; `schema`: to make schemas in the database; `extension`: to create it. */
  readonly kind: 'own' | 'drop' | 'create' | 'schema' | 'extension' | Privilege
  /** The parts of the name as it is written; a schema's is empty where the search_path says it. */
  readonly name: readonly string[]
}

/** A right on a table, as `grant` names it. */
type Privilege = 'references' | 'trigger' | 'truncate' | 'insert' | 'update' | 'delete'

/** After these nobody can tell from outside as whom, or in which schemas, the rest is run. */
const changesWho = new Set(['role', 'session_authorization'])

/**
 * Reads which rights the statements of a migration need for certain. What is nested in functions and `do` blocks is left out, and
 * everything after a statement that changes who runs it, or what an unqualified name means.
 */
export async function neededRightsOf(sql: string): Promise<readonly NeededRight[]> {
  const tree = await parse(sql).catch(() => undefined)
  const bytes = Buffer.from(sql)
  const lines = lineCounter(bytes)
  const needed: NeededRight[] = []
  for (const { stmt, stmt_location: at = 0 } of tree?.stmts ?? []) {
    if (stmt === undefined) continue
    if (unsettles(stmt)) break
    const line = lines(firstWord(bytes, at))
    needed.push(...rightsOf(stmt).map((right) => ({ ...right, line })))
  }
  return needed
}

function unsettles(stmt: Node): boolean {
  if ('VariableSetStmt' in stmt) {
    const { name = '', kind } = stmt.VariableSetStmt
    return kind === 'VAR_RESET_ALL' || changesWho.has(name) || name === 'search_path'
  }
  return (
    'GrantRoleStmt' in stmt ||
    'ReassignOwnedStmt' in stmt ||
    'AlterOwnerStmt' in stmt ||
    'DoStmt' in stmt ||
    'CallStmt' in stmt
  )
}

type Right = Omit<NeededRight, 'line'>

function rightsOf(stmt: Node): readonly Right[] {
  if ('AlterTableStmt' in stmt) return [...owns(stmt.AlterTableStmt.relation), ...references(stmt)]
  if ('RenameStmt' in stmt) return owns(stmt.RenameStmt.relation)
  if ('IndexStmt' in stmt) return owns(stmt.IndexStmt.relation)
  if ('CreatePolicyStmt' in stmt) return owns(stmt.CreatePolicyStmt.table)
  if ('AlterPolicyStmt' in stmt) return owns(stmt.AlterPolicyStmt.table)
  if ('RuleStmt' in stmt) return owns(stmt.RuleStmt.relation)
  if ('RefreshMatViewStmt' in stmt) return owns(stmt.RefreshMatViewStmt.relation)
  if ('AlterSeqStmt' in stmt) return owns(stmt.AlterSeqStmt.sequence)
  if ('DropStmt' in stmt) return dropped(stmt.DropStmt)
  if ('CreateStmt' in stmt) {
    const { relation, inhRelations = [] } = stmt.CreateStmt
    const parents = inhRelations.flatMap((parent) => ('RangeVar' in parent ? owns(parent.RangeVar) : []))
    return [...creates(relation), ...parents, ...references(stmt)]
  }
  if ('InsertStmt' in stmt) return uses('insert', stmt.InsertStmt.relation)
  if ('UpdateStmt' in stmt) return uses('update', stmt.UpdateStmt.relation)
  if ('DeleteStmt' in stmt) return uses('delete', stmt.DeleteStmt.relation)
  if ('CreateTrigStmt' in stmt) return uses('trigger', stmt.CreateTrigStmt.relation)
  if ('TruncateStmt' in stmt)
    return (stmt.TruncateStmt.relations ?? []).flatMap((one) =>
      'RangeVar' in one ? uses('truncate', one.RangeVar) : [],
    )
  if ('CommentStmt' in stmt) return commented(stmt.CommentStmt)
  if ('CreateSeqStmt' in stmt) return creates(stmt.CreateSeqStmt.sequence)
  if ('ViewStmt' in stmt) return creates(stmt.ViewStmt.view)
  if ('CreateTableAsStmt' in stmt) return creates(stmt.CreateTableAsStmt.into?.rel)
  if ('CreateFunctionStmt' in stmt) return createsNamed(stmt.CreateFunctionStmt.funcname)
  if ('CreateEnumStmt' in stmt) return createsNamed(stmt.CreateEnumStmt.typeName)
  if ('CreateDomainStmt' in stmt) return createsNamed(stmt.CreateDomainStmt.domainname)
  if ('CompositeTypeStmt' in stmt) return creates(stmt.CompositeTypeStmt.typevar)
  if ('CreateSchemaStmt' in stmt) return [{ kind: 'schema', name: [stmt.CreateSchemaStmt.schemaname ?? ''] }]
  if ('CreateExtensionStmt' in stmt) return [{ kind: 'extension', name: [stmt.CreateExtensionStmt.extname ?? ''] }]
  return []
}

function parts(relation: RangeVar): readonly string[] {
  return [relation.schemaname, relation.relname].filter((part) => part !== undefined)
}

function owns(relation: RangeVar | undefined): readonly Right[] {
  return relation?.relname === undefined ? [] : [{ kind: 'own', name: parts(relation) }]
}

function uses(kind: Privilege, relation: RangeVar | undefined): readonly Right[] {
  return relation?.relname === undefined ? [] : [{ kind, name: parts(relation) }]
}

/** A temporary table needs no right in a schema. */
function creates(relation: RangeVar | undefined): readonly Right[] {
  if (relation === undefined || relation.relpersistence === 't') return []
  return [{ kind: 'create', name: relation.schemaname === undefined ? [] : [relation.schemaname] }]
}

function createsNamed(name: readonly Node[] = []): readonly Right[] {
  return [{ kind: 'create', name: partsOf(name).slice(0, -1) }]
}

const relations = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_SEQUENCE',
  'OBJECT_INDEX',
  'OBJECT_FOREIGN_TABLE',
])
/** Of what is dropped from a table, the last part is its own name. */
const ofTables = new Set(['OBJECT_POLICY', 'OBJECT_TRIGGER', 'OBJECT_RULE'])

function dropped({
  removeType = 'OBJECT_TABLE',
  objects = [],
}: {
  readonly removeType?: string
  readonly objects?: readonly Node[]
}) {
  return objects.flatMap((object): readonly Right[] => {
    const name = 'List' in object ? partsOf(object.List.items ?? []) : []
    if (relations.has(removeType)) return name.length === 0 ? [] : [{ kind: 'drop', name }]
    return ofTables.has(removeType) && name.length > 1 ? [{ kind: 'own', name: name.slice(0, -1) }] : []
  })
}

function commented({
  objtype = 'OBJECT_TABLE',
  object,
}: {
  readonly objtype?: string
  readonly object?: Node
}): readonly Right[] {
  const name = object !== undefined && 'List' in object ? partsOf(object.List.items ?? []) : []
  if (relations.has(objtype)) return name.length === 0 ? [] : [{ kind: 'own', name }]
  return (objtype === 'OBJECT_COLUMN' || ofTables.has(objtype)) && name.length > 1
    ? [{ kind: 'own', name: name.slice(0, -1) }]
    : []
}

function references(stmt: Node): readonly Right[] {
  const found: Right[] = []
  walk(stmt, ({ kind, node }) => {
    if (kind !== 'Constraint') return
    const { pktable }: Constraint = node
    if (pktable?.relname !== undefined) found.push({ kind: 'references', name: parts(pktable) })
  })
  return found
}
