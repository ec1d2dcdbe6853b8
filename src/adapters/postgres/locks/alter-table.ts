import type { AlterTableCmd, AlterTableStmt, AlterTableType, Constraint as ConstraintNode, Node } from 'libpg-query'
import { partsOf } from '../grammar/names.ts'
import { classes } from './dependents.ts'
import { type Mode, stronger } from './modes.ts'
import type { Constraint, Relation } from './schema-model.ts'
import type { Taking } from './taking.ts'

/** Whether a form is done to what inherits from the table too. */
type Rule = readonly [mode: Mode, reach: 'itself' | 'below']

const itself: Rule = ['ACCESS EXCLUSIVE', 'itself']
const below: Rule = ['ACCESS EXCLUSIVE', 'below']
const writersOnly: Rule = ['SHARE ROW EXCLUSIVE', 'itself']
const mild: Rule = ['SHARE UPDATE EXCLUSIVE', 'itself']

/**
 * The lock of every form of ALTER TABLE; the compiler asks for each. A statement takes the strongest of its forms at once. See
 * AlterTableGetLockLevel and ATPrepCmd of the server's tablecmds.c.
 */
const rules: { readonly [T in AlterTableType]: Rule } = {
  AT_AddColumn: below,
  AT_DropColumn: below,
  AT_AlterColumnType: below,
  AT_ColumnDefault: below,
  AT_CookedColumnDefault: itself,
  AT_DropNotNull: below,
  AT_SetNotNull: below,
  AT_SetExpression: below,
  AT_DropExpression: below,
  AT_SetStorage: below,
  AT_SetCompression: itself,
  AT_AddIdentity: below,
  AT_SetIdentity: below,
  AT_DropIdentity: below,
  AT_AddConstraint: below,
  AT_DropConstraint: below,
  AT_AlterConstraint: itself,
  AT_AddIndex: itself,
  AT_AddIndexConstraint: itself,
  AT_ReplicaIdentity: itself,
  AT_EnableRowSecurity: itself,
  AT_DisableRowSecurity: itself,
  AT_ForceRowSecurity: itself,
  AT_NoForceRowSecurity: itself,
  AT_EnableRule: itself,
  AT_EnableAlwaysRule: itself,
  AT_EnableReplicaRule: itself,
  AT_DisableRule: itself,
  AT_AddInherit: itself,
  AT_DropInherit: itself,
  AT_AddOf: itself,
  AT_DropOf: itself,
  AT_ChangeOwner: itself,
  AT_SetLogged: itself,
  AT_SetUnLogged: itself,
  AT_SetAccessMethod: itself,
  AT_SetTableSpace: itself,
  AT_DropOids: itself,
  AT_GenericOptions: itself,
  AT_AlterColumnGenericOptions: itself,
  AT_AddColumnToView: itself,
  AT_ReplaceRelOptions: itself,
  AT_DetachPartition: itself,
  AT_AttachPartition: mild,
  AT_DetachPartitionFinalize: mild,
  AT_SetStatistics: ['SHARE UPDATE EXCLUSIVE', 'below'],
  AT_SetOptions: mild,
  AT_ResetOptions: mild,
  AT_SetRelOptions: mild,
  AT_ResetRelOptions: mild,
  AT_ClusterOn: mild,
  AT_DropCluster: mild,
  AT_ValidateConstraint: ['SHARE UPDATE EXCLUSIVE', 'below'],
  AT_EnableTrig: writersOnly,
  AT_EnableTrigAll: writersOnly,
  AT_EnableTrigUser: writersOnly,
  AT_EnableAlwaysTrig: writersOnly,
  AT_EnableReplicaTrig: writersOnly,
  AT_DisableTrig: writersOnly,
  AT_DisableTrigAll: writersOnly,
  AT_DisableTrigUser: writersOnly,
  AT_ReAddIndex: itself,
  AT_ReAddConstraint: itself,
  AT_ReAddDomainConstraint: itself,
  AT_ReAddComment: itself,
  AT_ReAddStatistics: itself,
}

/** Options of a relation that change what others see, unlike `fillfactor` and `autovacuum_…`. */
const strongOptions: ReadonlySet<string> = new Set([
  'user_catalog_table',
  'fastupdate',
  'gin_pending_list_limit',
  'pages_per_range',
  'autosummarize',
  'buffering',
  'security_barrier',
  'security_invoker',
  'check_option',
])

export function alterTable({ relation: named, cmds = [], objtype }: AlterTableStmt, taking: Taking): void {
  const relation = taking.model.named(named)
  if (relation === undefined || objtype === 'OBJECT_TYPE') return
  const commands = cmds.flatMap((node) => ('AlterTableCmd' in node ? [node.AlterTableCmd] : []))
  const ruled = commands.map((cmd) => ruleOf(cmd, taking.model.version))
  const mode = ruled.map(([its]) => its).reduce(stronger, 'SHARE UPDATE EXCLUSIVE')
  taking.lock(relation, mode)
  const descends = named?.inh === true
  if (descends && ruled.some(([, reach]) => reach === 'below')) taking.lockAll(relation, mode)
  for (const cmd of commands) apply(cmd, relation, { taking, mode, descends })
}

function ruleOf(cmd: AlterTableCmd, version: number): Rule {
  const { subtype = 'AT_AddColumn', def } = cmd
  if (subtype === 'AT_AddConstraint' && def !== undefined && 'Constraint' in def)
    return ruleOfConstraint(def.Constraint, version)
  if (subtype === 'AT_DetachPartition' && partition(def)?.concurrent === true) return mild
  if (
    (subtype === 'AT_SetRelOptions' || subtype === 'AT_ResetRelOptions') &&
    optionNames(def).some((name) => strongOptions.has(name))
  )
    return itself
  // A newer grammar may bring a form that nobody has read yet.
  const rule: Rule | undefined = rules[subtype]
  return rule ?? below
}

function ruleOfConstraint({ contype, is_no_inherit: own }: ConstraintNode, version: number): Rule {
  if (contype === 'CONSTR_FOREIGN') return writersOnly
  if (contype === 'CONSTR_UNIQUE' || contype === 'CONSTR_EXCLUSION') return itself
  // Since version 18 heirs are locked before it is known whether the constraint is theirs.
  return own === true && version < 180_000 ? itself : below
}

interface Circumstances {
  readonly taking: Taking
  readonly mode: Mode
  readonly descends: boolean
}

/** What a form locks beside the table itself, and what it makes of the relations. */
function apply(cmd: AlterTableCmd, relation: Relation, { taking, mode, descends }: Circumstances): void {
  const { model } = taking
  const { subtype = 'AT_AddColumn', def, name = '' } = cmd
  const part = partition(def)
  const other = part === undefined ? undefined : model.named(part.name)
  if (subtype === 'AT_AddColumn' && def !== undefined && 'ColumnDef' in def) {
    const { constraints = [], colname = '' } = def.ColumnDef
    for (const one of constraints) if ('Constraint' in one) constrain(one.Constraint, relation, [colname], taking, mode)
  }
  if (subtype === 'AT_AddConstraint' && def !== undefined && 'Constraint' in def)
    constrain(def.Constraint, relation, [], taking, mode)
  if (subtype === 'AT_DropConstraint')
    for (const one of model.constraints(relation).filter((its) => its.name === name)) taking.dropConstraint(one)
  if (subtype === 'AT_DropColumn') dropColumn(relation, name, taking)
  if (subtype === 'AT_AlterColumnType') for (const one of touching(relation, name, taking)) lockBoth(one, taking)
  if (subtype === 'AT_AlterConstraint') alterConstraint(def, relation, taking)
  if (subtype === 'AT_ClusterOn') taking.lock(model.find(relation.schema, name), 'SHARE UPDATE EXCLUSIVE')
  if (subtype === 'AT_AddInherit' && def !== undefined && 'RangeVar' in def) {
    const parent = model.named(def.RangeVar)
    taking.lock(parent, 'SHARE UPDATE EXCLUSIVE')
    model.inherit(relation, parent, { partition: false, isDefault: false })
  }
  if (subtype === 'AT_DropInherit' && def !== undefined && 'RangeVar' in def && taking.sure) {
    const parent = model.named(def.RangeVar)
    if (parent !== undefined) model.disinherit(relation, parent)
  }
  if (subtype === 'AT_AttachPartition' && other !== undefined)
    attachPartition(relation, other, taking, part?.bound?.is_default === true)
  if (subtype === 'AT_DetachPartition' && other !== undefined)
    detachPartition(relation, other, taking, part?.concurrent === true)
  if (subtype.endsWith('Trig') || subtype.endsWith('TrigAll') || subtype.endsWith('TrigUser'))
    if (descends && model.hasRowTrigger(relation, subtype.endsWith('Trig') ? name : undefined))
      taking.lockAll(relation, mode)
}

/** What a constraint locks: for a foreign key the table that it refers to, for an index the partitions. */
export function constrain(
  { contype, conname, pktable, fk_attrs: columns, pk_attrs: referenced }: ConstraintNode,
  relation: Relation,
  ownColumns: readonly string[],
  taking: Taking,
  mode?: Mode,
): void {
  const { model } = taking
  if (contype === 'CONSTR_FOREIGN') {
    const from = columns === undefined ? ownColumns : partsOf(columns)
    const name = conname ?? `${relation.name}_${from.join('_')}_fkey`
    const to = model.named(pktable)
    if (relation.kind === 'p')
      for (const one of model.descendants(relation)) taking.lock(one, mode ?? 'SHARE ROW EXCLUSIVE')
    taking.refer(relation, to, { name, columns: from, referencedColumns: partsOf(referenced ?? []), inherited: false })
  }
  if (contype === 'CONSTR_UNIQUE' || contype === 'CONSTR_EXCLUSION')
    if (relation.kind === 'p')
      // Since version 18 partitions are locked like their table.
      for (const one of model.descendants(relation))
        taking.lock(one, model.version < 180_000 ? 'SHARE' : (mode ?? 'SHARE'))
}

/** The foreign keys on a column, and those of others that refer to it. */
function touching(relation: Relation, column: string, { model }: Taking): readonly Constraint[] {
  return [
    ...model
      .constraints(relation)
      .filter(({ columns, references }) => references !== undefined && columns.includes(column)),
    ...model.referring(relation).filter(({ referencedColumns }) => referencedColumns.includes(column)),
  ]
}

function lockBoth({ relation, references }: Constraint, taking: Taking): void {
  taking.lockAll(relation, 'ACCESS EXCLUSIVE')
  if (references !== undefined) taking.lockAll(references, 'ACCESS EXCLUSIVE')
}

function dropColumn(relation: Relation, column: string, taking: Taking): void {
  for (const one of touching(relation, column, taking)) taking.dropConstraint(one)
  for (const one of taking.model.descendants(relation))
    for (const theirs of touching(one, column, taking)) taking.dropConstraint(theirs)
  if (relation.oid !== undefined) taking.dropThings([{ of: classes.relation, oid: relation.oid, column }])
}

function alterConstraint(def: Node | undefined, relation: Relation, taking: Taking): void {
  if (def === undefined || !('ATAlterConstraint' in def)) return
  const { conname, alterEnforceability } = def.ATAlterConstraint
  // Only then the triggers on the other table come or go.
  if (alterEnforceability !== true) return
  for (const { name, references } of taking.model.constraints(relation))
    if (name === conname && references !== undefined) taking.lockAll(references, 'ACCESS EXCLUSIVE')
}

function attachPartition(parent: Relation, child: Relation, taking: Taking, isDefault: boolean): void {
  const { model } = taking
  taking.lockAll(child, 'ACCESS EXCLUSIVE')
  if (parent.kind === 'I') {
    model.inherit(child, parent, { partition: true, isDefault: false })
    return
  }
  taking.lockAll(model.defaultPartition(parent), 'ACCESS EXCLUSIVE')
  for (const index of model.indexesOf(parent)) taking.lock(index, 'SHARE UPDATE EXCLUSIVE')
  inheritKeys(parent, child, taking)
  model.inherit(child, parent, { partition: true, isDefault })
}

/** A new partition gets the foreign keys of its parent. */
export function inheritKeys(parent: Relation, child: Relation, taking: Taking): void {
  for (const { references, name, columns, referencedColumns } of taking.model.constraints(parent))
    if (references !== undefined) taking.refer(child, references, { name, columns, referencedColumns, inherited: true })
  // What a new partition will hold can be referred to.
  for (const { relation, inherited } of taking.model.referring(parent))
    if (!inherited) taking.lock(relation, 'SHARE ROW EXCLUSIVE')
}

function detachPartition(parent: Relation, child: Relation, taking: Taking, concurrently: boolean): void {
  const { model } = taking
  // Concurrently the partition itself is locked so too, in the second of its two transactions.
  taking.lock(child, 'ACCESS EXCLUSIVE')
  if (!concurrently) taking.lock(model.defaultPartition(parent), 'ACCESS EXCLUSIVE')
  for (const { references } of model.constraints(child))
    if (references !== undefined) taking.lockAll(references, 'SHARE ROW EXCLUSIVE')
  for (const { relation, inherited } of model.referring(parent))
    if (!inherited) taking.lock(relation, 'ACCESS EXCLUSIVE')
  if (taking.sure) model.disinherit(child, parent)
}

function partition(def: Node | undefined) {
  return def !== undefined && 'PartitionCmd' in def ? def.PartitionCmd : undefined
}

function optionNames(def: Node | undefined): readonly string[] {
  if (def === undefined || !('List' in def)) return []
  return (def.List.items ?? []).flatMap((one) => ('DefElem' in one ? [one.DefElem.defname ?? ''] : []))
}
