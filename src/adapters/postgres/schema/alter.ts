import type { AlterTableCmd, AlterTableStmt, Node } from 'libpg-query'
import { nameOf } from '../grammar/names.ts'
import { removeColumn } from './cascade.ts'
import { addColumn, addKey, setDefault, setNotNull } from './columns.ts'
import { shown } from './keys.ts'
import type { Relation } from './model.ts'
import { columnKey, nameOfRelation, type Simulation, typeOf } from './simulation.ts'

type Table = Relation & { readonly id: string }
type Command = (on: Simulation, table: Table, cmd: AlterTableCmd) => void

/** Does what `alter table` says, and `alter view`, `alter index` and their like, which share its form. */
export function alterTable(on: Simulation, stmt: AlterTableStmt): void {
  if (stmt.objtype === 'OBJECT_TYPE') return alterType(on, stmt)
  const table = on.relation(stmt.relation)
  if (table === undefined) {
    if (stmt.missing_ok !== true && stmt.objtype === 'OBJECT_TABLE')
      on.remark(`changes table ${nameOf(stmt.relation)}, which does not exist`)
    return
  }
  for (const node of stmt.cmds ?? []) {
    const cmd = 'AlterTableCmd' in node ? node.AlterTableCmd : undefined
    if (cmd !== undefined) commands[cmd.subtype ?? 'AT_AddColumn']?.(on, table, cmd)
  }
}

function alterType(on: Simulation, { relation, cmds = [] }: AlterTableStmt): void {
  const type = on.type([...(relation?.schemaname === undefined ? [] : [relation.schemaname]), relation?.relname ?? ''])
  if (type === undefined) return
  const name = shown([type.schema, type.name])
  for (const node of cmds) {
    const { subtype, name: attribute = '' } = 'AlterTableCmd' in node ? node.AlterTableCmd : {}
    if (subtype === 'AT_DropColumn') on.doubt(`type ${name}`, `drops attribute ${attribute} of type ${name}`, type.id)
    if (subtype === 'AT_AddColumn') on.doubt(`type ${name}`, `adds an attribute to type ${name}`, type.id)
    if (subtype === 'AT_AlterColumnType')
      on.doubt(`type ${name}`, `changes attribute ${attribute} of type ${name}`, type.id)
  }
}

/** What only may make statements fail, in words that go before the name of the table. */
const doubtful =
  (words: (cmd: AlterTableCmd) => string): Command =>
  (on, table, cmd) =>
    on.doubt(`table ${nameOfRelation(table)}`, `${words(cmd)} ${nameOfRelation(table)}`, table.id)
const partition = ({ def }: AlterTableCmd): string =>
  def !== undefined && 'PartitionCmd' in def ? nameOf(def.PartitionCmd.name) : ''

const commands: Readonly<Partial<Record<string, Command>>> = {
  AT_AddColumn: adds,
  AT_AddColumnToView: adds,
  AT_DropColumn(on, table, { name = '', missing_ok: ifExists, behavior }) {
    if (table.columns?.has(name) === true)
      removeColumn(on, table.id, name, `drops ${columnKey(table, name)}`, behavior === 'DROP_CASCADE')
    else if (ifExists !== true && table.columns !== undefined)
      on.remark(`drops ${columnKey(table, name)}, which does not exist`)
  },
  AT_AlterColumnType(_, table, { name = '', def }) {
    const column = table.columns?.get(name)
    if (column !== undefined && def !== undefined && 'ColumnDef' in def && def.ColumnDef.typeName !== undefined)
      column.type = typeOf(def.ColumnDef.typeName)
  },
  AT_SetNotNull: (_, table, { name = '' }) => setNotNull(table, name),
  AT_DropNotNull(_, table, { name = '' }) {
    const column = table.columns?.get(name)
    if (column !== undefined) column.notNull = false
  },
  AT_ColumnDefault(_, table, { name = '', def }) {
    const column = table.columns?.get(name)
    if (column !== undefined) setDefault(column, def)
  },
  AT_AddIdentity: identity,
  AT_SetIdentity: identity,
  AT_DropIdentity: unfills,
  AT_DropExpression: unfills,
  AT_AddConstraint(on, table, { def }) {
    if (def !== undefined && 'Constraint' in def) addKey(on, table, def.Constraint)
  },
  AT_AddIndexConstraint(on, table, { def }) {
    if (def !== undefined && 'Constraint' in def) addKey(on, table, def.Constraint)
  },
  AT_DropConstraint(_, table, { name = '' }) {
    table.keys.delete(name)
  },
  AT_EnableRowSecurity(_, table) {
    table.rowSecurity = true
  },
  AT_DisableRowSecurity(_, table) {
    table.rowSecurity = false
  },
  AT_ForceRowSecurity(_, table) {
    table.forced = true
  },
  AT_NoForceRowSecurity(_, table) {
    table.forced = false
  },
  AT_DetachPartition(on, table, cmd) {
    const { def } = cmd
    const part = def !== undefined && 'PartitionCmd' in def ? on.relation(def.PartitionCmd.name) : undefined
    if (part !== undefined) delete part.partitionOf
    on.doubt(
      `table ${nameOfRelation(table)}`,
      `takes partition ${partition(cmd)} out of ${nameOfRelation(table)}`,
      table.id,
    )
  },
  AT_AttachPartition(on, table, cmd) {
    const { def } = cmd
    const part = def !== undefined && 'PartitionCmd' in def ? on.relation(def.PartitionCmd.name) : undefined
    if (part === undefined) return
    part.partitionOf = table.id
    on.touched.add(part.id)
    on.doubt(`table ${nameOfRelation(part)}`, `lets ${nameOfRelation(part)} only hold rows of its partition`, part.id)
  },
  AT_DropInherit: doubtful(() => 'takes a parent from'),
  AT_AddInherit: doubtful(() => 'adds a parent to'),
  AT_ChangeOwner: doubtful(() => 'changes the owner of'),
  AT_EnableTrig: doubtful(({ name = '' }) => `enables trigger ${name} of`),
  AT_EnableAlwaysTrig: doubtful(({ name = '' }) => `enables trigger ${name} of`),
  AT_EnableTrigAll: doubtful(() => 'enables all triggers of'),
  AT_EnableTrigUser: doubtful(() => 'enables all triggers of'),
  AT_DisableTrig: doubtful(({ name = '' }) => `disables trigger ${name} of`),
  AT_DisableTrigAll: doubtful(() => 'disables all triggers of'),
  AT_DisableTrigUser: doubtful(() => 'disables all triggers of'),
  AT_EnableRule: doubtful(({ name = '' }) => `enables rule ${name} of`),
  AT_DisableRule: doubtful(({ name = '' }) => `disables rule ${name} of`),
}

function adds(on: Simulation, table: Table, { def, missing_ok: ifNotExists }: AlterTableCmd): void {
  if (def === undefined || !('ColumnDef' in def)) return
  const name = def.ColumnDef.colname ?? ''
  const known = table.columns?.get(name)
  if (known !== undefined) {
    if (known.unsure !== true && ifNotExists === true)
      on.remark(`leaves ${columnKey(table, name)} as it is, because it exists already`)
    if (known.unsure !== true && ifNotExists !== true) on.remark(`adds ${columnKey(table, name)}, which exists already`)
    return
  }
  addColumn(on, table, def.ColumnDef)
  const made = table.columns?.get(name)
  if (made !== undefined && ifNotExists === true && on.blind) made.unsure = true
}

function identity(_: Simulation, table: Table, { name = '', def }: AlterTableCmd): void {
  const column = table.columns?.get(name)
  if (column === undefined || def === undefined) return
  if ('Constraint' in def) column.fill = def.Constraint.generated_when === 'a' ? 'always' : 'identity'
  if (!('List' in def)) return
  for (const option of def.List.items ?? [])
    if ('DefElem' in option && option.DefElem.defname === 'generated')
      // The grammar gives the letter as its number.
      column.fill = integer(option.DefElem.arg) === 'a'.charCodeAt(0) ? 'always' : 'identity'
}

function integer(node: Node | undefined): number | undefined {
  return node !== undefined && 'Integer' in node ? node.Integer.ival : undefined
}

function unfills(_: Simulation, table: Table, { name = '' }: AlterTableCmd): void {
  delete table.columns?.get(name)?.fill
}
