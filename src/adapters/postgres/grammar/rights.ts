import type { GrantRoleStmt, GrantStmt, Node, ObjectType, VariableSetStmt } from 'libpg-query'
import { is, type Judgements } from './judgement.ts'
import { objectName } from './names.ts'

/** Statements about who may do what, and under which settings. */

const plurals: Partial<Record<ObjectType, string>> = {
  OBJECT_TABLE: 'tables',
  OBJECT_SEQUENCE: 'sequences',
  OBJECT_FUNCTION: 'functions',
}

export function grants({
  is_grant: gives,
  targtype,
  objtype = 'OBJECT_TABLE',
  objects = [],
  privileges = [],
  grantees = [],
  grant_option: passedOn,
}: GrantStmt): Judgements {
  const rights =
    privileges.map((one) => ('AccessPriv' in one ? rightOf(one.AccessPriv) : '')).join(', ') || 'all rights'
  const on = objects.map(objectName).join(', ')
  const kind = plurals[objtype] ?? 'objects'
  const where =
    targtype === 'ACL_TARGET_ALL_IN_SCHEMA'
      ? `all ${kind} in schema ${on}`
      : targtype === 'ACL_TARGET_DEFAULTS'
        ? `${kind} that are made from now on`
        : on
  const whom = grantees.map(objectName).join(', ')
  if (gives !== true) return is('access', `takes ${rights} on ${where} from ${whom}`)
  return is(
    'access',
    `grants ${rights} on ${where} to ${whom}${whom.includes('PUBLIC') ? ', which is everybody' : ''}${passedOn === true ? ', who may pass it on' : ''}`,
  )
}

function rightOf({
  priv_name: name = 'all',
  cols = [],
}: {
  readonly priv_name?: string
  readonly cols?: readonly Node[]
}): string {
  return cols.length === 0 ? name : `${name} (${cols.map(objectName).join(', ')})`
}

export function grantsRoles({
  granted_roles: granted = [],
  grantee_roles: grantees = [],
  is_grant: gives,
}: GrantRoleStmt): Judgements {
  const roles = granted
    .map((one) => ('AccessPriv' in one ? (one.AccessPriv.priv_name ?? '') : objectName(one)))
    .join(', ')
  const whom = grantees.map(objectName).join(', ')
  return is('access', gives === true ? `makes ${whom} a member of ${roles}` : `takes ${whom} out of ${roles}`)
}

/** Settings that change neither what statements mean nor what is guarded nor how long others wait. */
const mildSettings = new Set([
  'application_name',
  'check_function_bodies',
  'client_encoding',
  'client_min_messages',
  'datestyle',
  'default_table_access_method',
  'default_tablespace',
  'default_toast_compression',
  'extra_float_digits',
  'intervalstyle',
  'jit',
  'log_min_messages',
  'maintenance_work_mem',
  'max_parallel_maintenance_workers',
  'max_parallel_workers_per_gather',
  'timezone',
  'work_mem',
  'xmloption',
])
const guarding = new Set([
  'role',
  'session_authorization',
  'row_security',
  'session_replication_role',
  'transaction_read_only',
])
const waiting = new Set([
  'lock_timeout',
  'statement_timeout',
  'idle_in_transaction_session_timeout',
  'transaction_timeout',
  'deadlock_timeout',
])

export function isMild(name: string): boolean {
  return mildSettings.has(name.toLowerCase())
}

export function setsVariable({ kind, name = '', args = [] }: VariableSetStmt): Judgements {
  const setting = name.toLowerCase()
  const to = kind === 'VAR_SET_VALUE' ? ` to ${args.map(valueOf).join(', ')}` : ''
  if (kind === 'VAR_RESET_ALL') return is('structure', 'resets all settings, Purser’s time limits too')
  if (setting === 'standard_conforming_strings' || setting === 'backslash_quote' || setting === 'quote_all_identifiers')
    return to === ' to on' ? [] : is('unreadable', `sets ${setting}${to}: what follows is read otherwise than here`)
  if (setting === 'session_replication_role')
    return is('lost', `sets session_replication_role${to}: triggers and foreign keys do not hold`)
  if (guarding.has(setting)) return is('access', `sets ${setting}${to}`)
  if (setting === 'search_path') return is('structure', `sets search_path${to}: unqualified names mean others`)
  if (waiting.has(setting)) return is('load', `sets ${setting}${to}, in the place of Purser's time limit`)
  return isMild(setting) ? [] : is('structure', `sets ${setting}${to}`)
}

function valueOf(node: Node): string {
  if (!('A_Const' in node)) return '…'
  const { sval, ival, boolval } = node.A_Const
  if (sval !== undefined) return sval.sval ?? ''
  return ival !== undefined ? String(ival.ival ?? 0) : String(boolval?.boolval ?? false)
}
