import type {
  AlterSeqStmt,
  CreateSchemaStmt,
  GrantStmt,
  Node,
  SelectStmt,
  TransactionStmt,
  VariableSetStmt,
} from 'libpg-query'
import { dotted, joined, nameOf, objectName, partsOf, roleName } from '../grammar/names.ts'
import { alterTable } from './alter.ts'
import { pathParts } from './catalog.ts'
import { createFromQuery, createIndex, createTable, createView, makeRelation } from './create.ts'
import { shown } from './keys.ts'
import type { NodeOf } from '../grammar/node-kinds.ts'
import { createRoutine, drop, move, rename } from './objects.ts'
import { nameOfRelation, type Simulation } from './simulation.ts'

type Kind = Extract<Node, object> extends infer Each ? (Each extends Node ? keyof Each : never) : never
type Act<K extends Kind> = (on: Simulation, stmt: NodeOf<K>) => void

/** What each statement does; those that are not here (rows, comments, statistics) change nothing that releases miss. */
const acts: { readonly [K in Kind]?: Act<K> } = {
  CreateStmt: (on, stmt) => createTable(on, stmt),
  CreateForeignTableStmt: (on, { base }) => base !== undefined && createTable(on, base, 'foreign table'),
  CreateTableAsStmt: (on, { into, query, objtype, if_not_exists: ifNotExists }) =>
    createFromQuery(on, {
      into,
      query,
      kind: objtype === 'OBJECT_MATVIEW' ? 'materialized view' : 'table',
      ...(ifNotExists === undefined ? {} : { ifNotExists }),
    }),
  SelectStmt: select,
  ViewStmt: createView,
  IndexStmt: createIndex,
  CreateSeqStmt: (on, { sequence, if_not_exists: ifNotExists }) =>
    void makeRelation(on, sequence, 'sequence', ifNotExists),
  CreateSchemaStmt: createSchema,
  CreateFunctionStmt: createRoutine,
  CreateEnumStmt: (on, { typeName = [], vals = [] }) => makeType(on, typeName, { labels: [...partsOf(vals)] }),
  CompositeTypeStmt: (on, { typevar }) =>
    makeType(
      on,
      [...(typevar?.schemaname === undefined ? [] : [string(typevar.schemaname)]), string(typevar?.relname ?? '')],
      {},
    ),
  CreateRangeStmt: (on, { typeName = [] }) => makeType(on, typeName, {}),
  CreateDomainStmt: (on, { domainname = [], constraints = [] }) => {
    const kinds = constraints.map((one) => ('Constraint' in one ? one.Constraint.contype : undefined))
    makeType(on, domainname, {
      notNull: kinds.includes('CONSTR_NOTNULL'),
      hasDefault: kinds.includes('CONSTR_DEFAULT'),
    })
  },
  CreatePolicyStmt(on, { table, policy_name: name = '', permissive }) {
    const relation = on.relation(table)
    if (relation?.policies.has(name) === true)
      on.remark(`makes policy ${name} of ${nameOfRelation(relation)}, which exists already`)
    relation?.policies.set(name, { restrictive: permissive !== true })
  },
  AlterPolicyStmt: (on, { table, policy_name: name = '' }) =>
    about(on, table, (of) => `changes policy ${name} of ${of}`),
  CreateTrigStmt: (on, { relation, trigname = '' }) => void on.relation(relation)?.triggers.add(trigname),
  RuleStmt: (on, { relation, rulename = '' }) => about(on, relation, (of) => `adds rule ${rulename} to ${of}`),
  AlterTableStmt: alterTable,
  DropStmt: drop,
  RenameStmt: rename,
  AlterObjectSchemaStmt: move,
  AlterEnumStmt(on, { typeName = [], oldVal, newVal = '', skipIfNewValExists }) {
    const type = on.type(partsOf(typeName))
    if (type === undefined) return
    const at = oldVal === undefined ? -1 : type.labels.indexOf(oldVal)
    const name = shown([type.schema, type.name])
    if (oldVal === undefined && type.labels.includes(newVal) && skipIfNewValExists !== true)
      on.remark(`adds value ${newVal} to type ${name}, which has it already`)
    if (oldVal !== undefined)
      on.words.set(`value ${shown([type.schema, type.name, oldVal])}`, `renames value ${oldVal} of type ${name}`)
    type.labels = at < 0 ? [...new Set([...type.labels, newVal])] : type.labels.with(at, newVal)
  },
  AlterDomainStmt(on, { subtype = '', typeName = [] }) {
    const type = on.type(partsOf(typeName))
    const name = dotted(typeName)
    if (subtype === 'O' || subtype === 'C') on.doubt(`type ${name}`, `restricts the values of domain ${name}`, type?.id)
    if (subtype === 'T') on.doubt(`type ${name}`, `changes the default of domain ${name}`, type?.id)
  },
  AlterSeqStmt: alterSequence,
  AlterOwnerStmt(on, { object, relation, objectType = '' }) {
    const name = relation === undefined ? (object === undefined ? '' : objectName(object)) : nameOf(relation)
    if (objectType !== 'OBJECT_LARGEOBJECT') on.doubt(`owner ${name}`, `changes the owner of ${name}`)
  },
  GrantStmt: revoke,
  GrantRoleStmt(on, { is_grant: gives, grantee_roles: roles = [] }) {
    if (gives !== true) on.doubt('roles', `takes roles from ${roles.map(objectName).join(', ')}`)
  },
  DropRoleStmt: (on, { roles = [] }) => on.doubt('roles', `drops role ${roles.map(objectName).join(', ')}`),
  AlterRoleStmt: (on, { role }) => on.doubt('roles', `changes role ${roleName(role)}`),
  AlterRoleSetStmt: (on, { role, setstmt }) =>
    on.doubt('roles', `sets ${setstmt?.name ?? 'settings'} of role ${roleName(role)}`),
  AlterDatabaseSetStmt: (on, { setstmt }) =>
    on.doubt('settings', `sets ${setstmt?.name ?? 'settings'} of the database`),
  DropOwnedStmt(on, { roles = [] }) {
    on.blind = true
    on.doubt('roles', `drops everything that belongs to ${roles.map(objectName).join(', ')}`)
  },
  RefreshMatViewStmt(on, { relation, skipData }) {
    const view = on.relation(relation)
    if (view !== undefined) view.populated = skipData !== true
  },
  CreateExtensionStmt: (on, { extname = '' }) => void on.state.extensions.add(extname),
  CreateEventTrigStmt: (on, { trigname = '' }) => on.doubt('other', `creates event trigger ${trigname}`),
  // What these make or call is read nowhere in the file.
  ImportForeignSchemaStmt: blinds,
  CallStmt: blinds,
  DefineStmt(on, { kind, defnames = [] }) {
    if (kind === 'OBJECT_TYPE') makeType(on, defnames, {})
  },
  VariableSetStmt: setsVariable,
  TransactionStmt: savepoint,
}

/** Does to the state what the statement does to the schema. */
export function act(on: Simulation, stmt: Node): void {
  for (const kind of Object.keys(acts) as Kind[]) if (kind in stmt) actOn(on, kind, stmt)
}

function actOn<K extends Kind>(on: Simulation, kind: K, stmt: Node): void {
  const node = Object.entries(stmt).find(([name]) => name === kind)?.[1] as NodeOf<K> | undefined
  if (node !== undefined) acts[kind]?.(on, node)
}

function blinds(on: Simulation): void {
  on.blind = true
}

const string = (sval: string): Node => ({ String: { sval } })

function about(on: Simulation, name: Parameters<Simulation['relation']>[0], words: (of: string) => string): void {
  const relation = on.relation(name)
  if (relation !== undefined)
    on.doubt(`table ${nameOfRelation(relation)}`, words(nameOfRelation(relation)), relation.id)
}

function makeType(
  on: Simulation,
  name: readonly Node[],
  { labels = [], notNull = false, hasDefault = false }: { labels?: string[]; notNull?: boolean; hasDefault?: boolean },
): void {
  const parts = partsOf(name)
  const schema = on.target(parts.at(-2))
  if (schema === undefined) return
  const known = on.type([schema, parts.at(-1) ?? ''])
  if (known !== undefined) on.remark(`makes type ${joined([schema, known.name])}, which exists already`)
  else on.state.types.set(on.newId(), { schema, name: parts.at(-1) ?? '', labels, notNull, hasDefault })
}

function createSchema(
  on: Simulation,
  { schemaname: name = '', schemaElts = [], if_not_exists: ifNotExists }: CreateSchemaStmt,
): void {
  if (on.state.schemas.has(name) && ifNotExists !== true) on.remark(`makes schema ${name}, which exists already`)
  on.state.schemas.add(name)
  const { path } = on.state
  // What stands in the statement itself goes into the new schema.
  on.state.path = [name, ...(path ?? [])]
  for (const element of schemaElts) act(on, element)
  on.state.path = path
}

function select(on: Simulation, stmt: SelectStmt): void {
  let first = stmt
  while (first.larg !== undefined) first = first.larg
  if (first.intoClause !== undefined)
    createFromQuery(on, { into: first.intoClause, query: { SelectStmt: stmt }, kind: 'table' })
  for (const target of stmt.targetList ?? []) {
    const value = 'ResTarget' in target ? target.ResTarget.val : undefined
    if (value === undefined || !('FuncCall' in value) || partsOf(value.FuncCall.funcname ?? []).at(-1) !== 'set_config')
      continue
    const [setting, to] = (value.FuncCall.args ?? []).map(constant)
    if (setting === undefined) on.state.path = undefined
    if (setting === 'search_path') on.state.path = to === undefined ? undefined : pathParts(to)
    if (on.state.path === undefined) on.blind = true
  }
}

function constant(node: Node): string | undefined {
  return 'A_Const' in node ? (node.A_Const.sval === undefined ? undefined : (node.A_Const.sval.sval ?? '')) : undefined
}

function setsVariable(on: Simulation, { kind, name, args = [] }: VariableSetStmt): void {
  if (name === 'role' || name === 'session_authorization') on.blind ||= on.state.path?.includes('$user') === true
  if (kind === 'VAR_RESET_ALL' || (name === 'search_path' && kind !== 'VAR_SET_VALUE')) on.state.path = on.facts.path
  else if (name === 'search_path') on.state.path = args.map((one) => constant(one) ?? '')
}

function savepoint(on: Simulation, { kind, savepoint_name: name = '' }: TransactionStmt): void {
  if (kind === 'TRANS_STMT_SAVEPOINT') on.savepoints.set(name, structuredClone(on.state))
  const kept = kind === 'TRANS_STMT_ROLLBACK_TO' ? on.savepoints.get(name) : undefined
  if (kept !== undefined) on.state = structuredClone(kept)
}

function alterSequence(on: Simulation, { sequence, options = [] }: AlterSeqStmt): void {
  const names = options.flatMap((one) => ('DefElem' in one ? [one.DefElem.defname] : []))
  if (names.some((name) => name !== 'owned_by' && name !== 'cache'))
    on.doubt(
      `sequence ${nameOf(sequence)}`,
      `changes which numbers ${nameOf(sequence)} gives`,
      on.relation(sequence)?.id,
    )
}

function revoke(on: Simulation, { is_grant: gives, targtype, objects = [], grantees = [] }: GrantStmt): void {
  // Default rights are those of what is made from now on.
  if (gives === true || targtype === 'ACL_TARGET_DEFAULTS') return
  const whom = grantees.map(objectName).join(', ')
  for (const object of objects) {
    const name = objectName(object)
    const relation = 'RangeVar' in object ? on.relation(object.RangeVar) : undefined
    on.doubt(
      relation === undefined ? `rights ${name}` : `table ${nameOfRelation(relation)}`,
      `takes rights on ${name} from ${whom}`,
      relation?.id,
    )
  }
}
