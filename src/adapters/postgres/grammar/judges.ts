import type { Node, VacuumStmt } from 'libpg-query'
import { alterTable } from './alter-table.ts'
import { copies, deletes, inserts, merges, truncates, updates } from './data-changes.ts'
import { drops, givesAway, moves, renames } from './drops.ts'
import { harmless, is, type Judgements, quoted, type Earlier } from './judgement.ts'
import { dotted, nameOf, objectName, roleName, spelled } from './names.ts'
import type { NodeOf, StatementKind } from './node-kinds.ts'
import { grants, grantsRoles, setsVariable } from './rights.ts'

type Judge<K extends StatementKind> = (statement: NodeOf<K>, around: Earlier) => Judgements

const structure = (what: string) => (): Judgements => is('structure', what)
const access = (what: string) => (): Judgements => is('access', what)
/** Only the server's own analysis makes these. */
const internal = (): Judgements => is('unreadable', 'is a statement that cannot be judged')

/**
 * Every statement of PostgreSQL's grammar; the compiler asks for each. What a statement holds (queries, actions, bodies) is walked
 * and judged beside it.
 */
export const judges: { readonly [K in StatementKind]: Judge<K> } = {
  DeleteStmt: deletes,
  UpdateStmt: updates,
  InsertStmt: inserts,
  MergeStmt: merges,
  TruncateStmt: truncates,
  CopyStmt: copies,
  DropStmt: drops,
  DropdbStmt: ({ dbname = '' }) => is('lost', `drops database ${dbname}`),
  DropOwnedStmt: ({ roles = [] }) => is('lost', `drops everything that belongs to ${roles.map(objectName).join(', ')}`),
  DropTableSpaceStmt: ({ tablespacename = '' }) => is('structure', `drops tablespace ${tablespacename}`),
  DropRoleStmt: ({ roles = [] }) => is('access', `drops role ${roles.map(objectName).join(', ')}`),
  DropUserMappingStmt: ({ servername = '' }) => is('access', `drops a user mapping of server ${servername}`),
  DropSubscriptionStmt: ({ subname = '' }) => is('lost', `drops subscription ${subname}: its rows come no more`),
  AlterTableStmt: alterTable,
  AlterTableMoveAllStmt: () => is('load', 'moves all objects of a tablespace to another disk'),
  AlterDomainStmt: ({ subtype, typeName = [], name = '', def }) => {
    const of = dotted(typeName)
    if (subtype === 'X') return is('structure', `drops constraint ${name} of domain ${of}`)
    if (subtype === 'N') return is('structure', `drops NOT NULL of domain ${of}`)
    if (subtype === 'T') return def === undefined ? is('structure', `drops the default of domain ${of}`) : []
    return ['C', 'O', 'V'].includes(subtype ?? '') ? [] : is('structure', `changes domain ${of}`)
  },
  RenameStmt: renames,
  AlterObjectSchemaStmt: moves,
  AlterOwnerStmt: givesAway,
  ReassignOwnedStmt: ({ roles = [], newrole }) =>
    is('access', `gives everything of ${roles.map(objectName).join(', ')} to ${roleName(newrole)}`),
  AlterEnumStmt: ({ oldVal, newVal = '', typeName = [] }) =>
    oldVal === undefined ? [] : is('structure', `renames value ${oldVal} of type ${dotted(typeName)} to ${newVal}`),
  AlterTypeStmt: ({ typeName = [] }) => is('structure', `changes how type ${dotted(typeName)} works`),
  AlterSeqStmt: ({ sequence }) => is('changes', `changes sequence ${nameOf(sequence)}`),

  GrantStmt: grants,
  GrantRoleStmt: grantsRoles,
  // Its grant is judged where it stands in the tree.
  AlterDefaultPrivilegesStmt: harmless,
  CreateRoleStmt: ({ role = '' }) => is('access', `creates role ${role}`),
  AlterRoleStmt: ({ role }) => is('access', `changes role ${roleName(role)}`),
  AlterRoleSetStmt: ({ role }) =>
    is('access', `changes the settings of ${role === undefined ? 'all roles' : `role ${roleName(role)}`}`),
  CreatePolicyStmt: ({ policy_name: name = '', table }, { made }) =>
    made.has(spelled(table))
      ? []
      : is('access', `creates policy ${name} of ${nameOf(table)}: others see its rows than before`),
  AlterPolicyStmt: ({ policy_name: name = '', table }) => is('access', `changes policy ${name} of ${nameOf(table)}`),
  SecLabelStmt: access('sets a security label'),
  CreateUserMappingStmt: ({ servername = '' }) => is('access', `creates a user mapping of server ${servername}`),
  AlterUserMappingStmt: ({ servername = '' }) => is('access', `changes a user mapping of server ${servername}`),
  AlterSystemStmt: ({ setstmt }) =>
    is('access', `changes the settings of the whole server (ALTER SYSTEM ${setstmt?.name ?? ''})`),
  AlterDatabaseStmt: ({ dbname = '' }) => is('access', `changes database ${dbname}`),
  AlterDatabaseSetStmt: ({ dbname = '' }) => is('access', `changes the settings of database ${dbname}`),
  AlterDatabaseRefreshCollStmt: structure('records another version of the collation of the database'),
  CreateEventTrigStmt: ({ trigname = '', funcname = [] }) =>
    is('access', `creates event trigger ${trigname}: ${dotted(funcname)}() runs at each change of the schema`),
  AlterEventTrigStmt: ({ trigname = '' }) => is('access', `changes event trigger ${trigname}`),
  CreateTrigStmt: ({ trigname = '', relation, funcname = [] }, { made }) =>
    made.has(spelled(relation))
      ? []
      : is('structure', `creates trigger ${trigname}: ${dotted(funcname)}() runs at writes to ${nameOf(relation)}`),
  RuleStmt: ({ rulename = '', relation, instead, actions = [] }) =>
    is(
      instead === true && actions.length === 0 ? 'lost' : 'changes',
      `creates rule ${rulename}: queries of ${nameOf(relation)} become ${instead === true && actions.length === 0 ? 'nothing' : 'something else'}`,
    ),

  // Bodies are read by `bodies.ts`.
  CreateFunctionStmt: harmless,
  DoStmt: harmless,
  AlterFunctionStmt: ({ func }) => is('access', `changes how function ${dotted(func?.objname ?? [])} runs`),
  CallStmt: ({ funccall }) =>
    is('unreadable', `calls procedure ${dotted(funccall?.funcname ?? [])}(), whose effect isn't visible here`),
  ExecuteStmt: ({ name = '' }, { prepared }) =>
    prepared.has(name) ? [] : is('unreadable', `executes ${name}, which was not prepared here`),
  LoadStmt: ({ filename = '' }) => is('unreadable', `loads the library ${quoted(filename)} into the server`),
  CreateExtensionStmt: ({ extname = '' }) =>
    is('structure', `installs extension ${extname}, whose script does not stand here`),
  AlterExtensionStmt: ({ extname = '' }) =>
    is('structure', `updates extension ${extname}, by a script that does not stand here`),
  AlterExtensionContentsStmt: ({ extname = '' }) => is('structure', `changes what belongs to extension ${extname}`),

  VariableSetStmt: setsVariable,
  TransactionStmt: ({ kind }) =>
    ['TRANS_STMT_SAVEPOINT', 'TRANS_STMT_RELEASE'].includes(kind ?? '')
      ? []
      : is('structure', 'begins, ends or rolls back a transaction of its own'),
  LockStmt: ({ relations = [] }) =>
    is('load', `locks ${relations.map(objectName).join(', ')} until the end of the transaction`),
  VacuumStmt: (statement) =>
    isFull(statement)
      ? is(
          'load',
          `rewrites ${(statement.rels ?? []).map(vacuumed).join(', ') || 'every table'} (VACUUM FULL): nobody reads it meanwhile`,
        )
      : [],
  ClusterStmt: ({ relation }) =>
    is(
      'load',
      `rewrites ${relation === undefined ? 'every clustered table' : nameOf(relation)} (CLUSTER): nobody reads it meanwhile`,
    ),
  ReindexStmt: ({ relation, name }) =>
    is('load', `rebuilds indexes of ${relation === undefined ? (name ?? 'the database') : nameOf(relation)}`),
  RefreshMatViewStmt: ({ relation, skipData }) =>
    skipData === true
      ? is('lost', `empties materialized view ${nameOf(relation)}`)
      : is('load', `fills materialized view ${nameOf(relation)} anew`),
  CheckPointStmt: () => is('load', 'writes a checkpoint'),
  DiscardStmt: structure('resets the session, Purser’s time limits too'),
  NotifyStmt: ({ conditionname = '' }) => is('changes', `notifies whoever listens to ${conditionname}`),

  ViewStmt: ({ view, replace }) => (replace === true ? is('structure', `replaces view ${nameOf(view)}`) : []),
  AlterStatsStmt: harmless,
  AlterCollationStmt: structure('records another version of a collation'),
  AlterOperatorStmt: structure('changes an operator'),
  AlterOpFamilyStmt: structure('changes an operator family'),
  AlterTSDictionaryStmt: structure('changes a text search dictionary'),
  AlterTSConfigurationStmt: structure('changes a text search configuration'),
  AlterTableSpaceOptionsStmt: structure('changes the options of a tablespace'),
  AlterPublicationStmt: ({ pubname = '' }) => is('access', `changes what publication ${pubname} hands out`),
  CreatePublicationStmt: ({ pubname = '' }) => is('access', `creates publication ${pubname}, which hands out rows`),
  CreateSubscriptionStmt: ({ subname = '' }) =>
    is('changes', `creates subscription ${subname}: another server writes rows here`),
  AlterSubscriptionStmt: ({ subname = '' }) => is('changes', `changes subscription ${subname}`),
  CreateFdwStmt: access('creates a foreign data wrapper'),
  AlterFdwStmt: access('changes a foreign data wrapper'),
  CreateForeignServerStmt: ({ servername = '' }) => is('access', `creates foreign server ${servername}`),
  AlterForeignServerStmt: ({ servername = '' }) => is('access', `changes foreign server ${servername}`),
  ImportForeignSchemaStmt: ({ local_schema: schema = '' }) =>
    is('structure', `makes foreign tables in schema ${schema}`),
  CreatePLangStmt: access('creates a language'),
  CreateCastStmt: structure('creates a cast: expressions may mean something else'),
  CreateOpClassStmt: structure('creates an operator class'),
  CreateOpFamilyStmt: structure('creates an operator family'),
  CreateAmStmt: structure('creates an access method'),
  CreateTransformStmt: structure('creates a transform'),
  CreateConversionStmt: structure('creates a conversion'),
  CreateTableSpaceStmt: structure('creates a tablespace'),
  CreatedbStmt: ({ dbname = '' }) => is('structure', `creates database ${dbname}`),
  DefineStmt: ({ kind, defnames = [], replace }) =>
    replace === true || kind === 'OBJECT_OPERATOR'
      ? is('structure', `defines ${dotted(defnames)}: expressions may mean something else`)
      : [],

  SelectStmt: ({ lockingClause }) => (lockingClause === undefined ? [] : is('load', 'locks the rows that it reads')),
  CreateStmt: harmless,
  CreateTableAsStmt: harmless,
  CreateForeignTableStmt: harmless,
  CreateSchemaStmt: harmless,
  CreateSeqStmt: harmless,
  CreateDomainStmt: harmless,
  CreateEnumStmt: harmless,
  CreateRangeStmt: harmless,
  CompositeTypeStmt: harmless,
  CreateStatsStmt: harmless,
  IndexStmt: harmless,
  CommentStmt: harmless,
  AlterObjectDependsStmt: harmless,
  ExplainStmt: harmless,
  PrepareStmt: harmless,
  DeallocateStmt: harmless,
  DeclareCursorStmt: harmless,
  FetchStmt: harmless,
  ClosePortalStmt: harmless,
  ListenStmt: harmless,
  UnlistenStmt: harmless,
  ConstraintsSetStmt: harmless,
  VariableShowStmt: harmless,
  ReturnStmt: harmless,
  RawStmt: internal,
  SetOperationStmt: internal,
  PLAssignStmt: internal,
  ReplicaIdentityStmt: harmless,
}

function isFull({ options = [] }: VacuumStmt): boolean {
  return options.some(
    (option) => 'DefElem' in option && option.DefElem.defname === 'full' && !isOff(option.DefElem.arg),
  )
}

function isOff(node: Node | undefined): boolean {
  if (node === undefined) return false
  if ('String' in node) return ['false', 'off'].includes((node.String.sval ?? '').toLowerCase())
  return 'Integer' in node && (node.Integer.ival ?? 0) === 0
}

function vacuumed(node: Node): string {
  return 'VacuumRelation' in node ? nameOf(node.VacuumRelation.relation) : ''
}
