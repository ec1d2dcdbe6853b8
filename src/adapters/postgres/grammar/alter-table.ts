import type { AlterTableCmd, AlterTableStmt, AlterTableType } from 'libpg-query'
import { harmless, is, type Judgements, type Earlier } from './judgement.ts'
import { nameOf, roleName, spelled } from './names.ts'

type Judge = (cmd: AlterTableCmd, of: string, fresh: boolean) => Judgements

const access =
  (words: (cmd: AlterTableCmd) => string): Judge =>
  (cmd, of) =>
    is('access', `${words(cmd)} of ${of}`)
const structure =
  (words: (cmd: AlterTableCmd) => string): Judge =>
  (cmd, of) =>
    is('structure', `${words(cmd)} of ${of}`)
const load =
  (words: string): Judge =>
  (_, of) =>
    is('load', `${words} ${of}`)
/** The server makes these itself; no text can hold one. */
const internal: Judge = (cmd, of) =>
  is('unreadable', `does ${cmd.subtype ?? 'something'} to ${of}, which cannot be judged`)
const named = ({ name = '' }: AlterTableCmd) => name

/** Every form of ALTER TABLE (and of VIEW, INDEX, SEQUENCE, TYPE, which share them); the compiler asks for each. */
const judges: { readonly [T in AlterTableType]: Judge } = {
  AT_DropColumn: (cmd, of) =>
    is(
      'lost',
      `drops column ${of}.${named(cmd)}${cmd.behavior === 'DROP_CASCADE' ? ' and whatever depends on it' : ''}`,
      of,
    ),
  AT_AlterColumnType: ({ name = '', def }, of) =>
    def !== undefined && 'ColumnDef' in def && def.ColumnDef.raw_default !== undefined
      ? is('lost', `rewrites the values of column ${of}.${name} by an expression (USING)`, of)
      : is('structure', `changes the type of column ${of}.${name}`, of),
  AT_SetUnLogged: (_, of) => is('lost', `makes ${of} unlogged: a crash of the server empties it`, of),
  AT_DetachPartition: (cmd, of) =>
    is('lost', `takes partition ${partition(cmd)} out of ${of}: its rows are found there no more`),
  AT_DetachPartitionFinalize: (cmd, of) => is('lost', `takes partition ${partition(cmd)} out of ${of} for good`),
  AT_DropInherit: (_, of) => is('lost', `takes ${of} out of its parent: its rows are found there no more`),
  AT_DropConstraint: (cmd, of) =>
    is(
      'structure',
      `drops constraint ${named(cmd)} of ${of}${cmd.behavior === 'DROP_CASCADE' ? ' and whatever depends on it' : ''}`,
    ),
  AT_DropNotNull: structure((cmd) => `drops NOT NULL of column ${named(cmd)}`),
  AT_ColumnDefault: (cmd, of) =>
    cmd.def === undefined ? is('structure', `drops the default of column ${of}.${named(cmd)}`) : [],
  AT_DropExpression: structure((cmd) => `stops computing column ${named(cmd)}`),
  AT_SetExpression: (cmd, of) => is('lost', `computes the values of column ${of}.${named(cmd)} anew`, of),
  AT_DropIdentity: structure((cmd) => `drops the identity of column ${named(cmd)}`),
  AT_SetIdentity: structure((cmd) => `changes the identity of column ${named(cmd)}`),
  AT_AlterConstraint: structure((cmd) => `changes constraint ${named(cmd)}`),
  AT_DisableTrig: access((cmd) => `disables trigger ${named(cmd)}`),
  AT_DisableTrigAll: access(() => 'disables all triggers, foreign keys with them,'),
  AT_DisableTrigUser: access(() => 'disables all triggers'),
  AT_EnableReplicaTrig: access((cmd) => `makes trigger ${named(cmd)} fire on replicas only, for the writes`),
  AT_EnableAlwaysTrig: access((cmd) => `makes trigger ${named(cmd)} fire always, for the writes`),
  AT_DisableRule: access((cmd) => `disables rule ${named(cmd)}`),
  AT_EnableReplicaRule: access((cmd) => `makes rule ${named(cmd)} count on replicas only, for the statements`),
  AT_EnableAlwaysRule: access((cmd) => `makes rule ${named(cmd)} count always, for the statements`),
  AT_EnableRule: structure((cmd) => `enables rule ${named(cmd)}`),
  AT_EnableTrig: structure((cmd) => `enables trigger ${named(cmd)}`),
  AT_EnableTrigAll: structure(() => 'enables all triggers'),
  AT_EnableTrigUser: structure(() => 'enables all triggers'),
  AT_DisableRowSecurity: access(() => 'disables row level security'),
  AT_NoForceRowSecurity: access(() => 'no longer forces row level security upon the owner'),
  AT_EnableRowSecurity: (_, of, fresh) =>
    fresh ? [] : is('access', `enables row level security of ${of}: who has no policy sees no rows`),
  AT_ForceRowSecurity: (_, of, fresh) =>
    fresh ? [] : is('access', `forces row level security upon the owner of ${of}`),
  AT_ChangeOwner: (cmd, of) => is('access', `gives ${of} to ${roleName(cmd.newowner)}`),
  AT_AddInherit: structure(() => 'adds a parent'),
  AT_AddOf: structure(() => 'sets the type'),
  AT_DropOf: structure(() => 'drops the type'),
  AT_ReplicaIdentity: structure(() => 'changes the replica identity'),
  AT_AttachPartition: (cmd, of, fresh) =>
    fresh ? [] : is('structure', `attaches partition ${partition(cmd)} to ${of}`),
  AT_GenericOptions: structure(() => 'changes the options'),
  AT_AlterColumnGenericOptions: structure((cmd) => `changes the options of column ${named(cmd)}`),
  AT_SetRelOptions: structure(() => 'changes the options'),
  AT_ResetRelOptions: structure(() => 'resets the options'),
  AT_DropOids: structure(() => 'drops the oids'),
  AT_SetLogged: load('writes the whole of'),
  AT_SetAccessMethod: load('rewrites the whole of'),
  AT_SetTableSpace: load('moves to another disk the whole of'),
  AT_AddColumn: harmless,
  AT_AddColumnToView: harmless,
  AT_SetNotNull: harmless,
  AT_SetStatistics: harmless,
  AT_SetOptions: harmless,
  AT_ResetOptions: harmless,
  AT_SetStorage: harmless,
  AT_SetCompression: harmless,
  AT_AddIndex: harmless,
  AT_AddConstraint: harmless,
  AT_ValidateConstraint: harmless,
  AT_AddIndexConstraint: harmless,
  AT_ClusterOn: harmless,
  AT_DropCluster: harmless,
  AT_AddIdentity: harmless,
  AT_CookedColumnDefault: internal,
  AT_ReAddIndex: internal,
  AT_ReAddConstraint: internal,
  AT_ReAddDomainConstraint: internal,
  AT_ReAddComment: internal,
  AT_ReplaceRelOptions: internal,
  AT_ReAddStatistics: internal,
}

function partition({ def }: AlterTableCmd): string {
  return def !== undefined && 'PartitionCmd' in def ? nameOf(def.PartitionCmd.name) : ''
}

export function alterTable({ relation, cmds = [] }: AlterTableStmt, { made }: Earlier): Judgements {
  const of = nameOf(relation)
  return cmds.flatMap((node) => {
    if (!('AlterTableCmd' in node)) return is('unreadable', `changes ${of} in a way that cannot be judged`)
    const { subtype = 'AT_AddColumn' } = node.AlterTableCmd
    // The compiler asks for every form of this grammar; a newer one may bring more.
    const judge: Judge | undefined = judges[subtype]
    return judge === undefined
      ? internal(node.AlterTableCmd, of, false)
      : judge(node.AlterTableCmd, of, made.has(spelled(relation)))
  })
}
