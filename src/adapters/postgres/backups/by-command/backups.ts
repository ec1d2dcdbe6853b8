import { createHash } from 'node:crypto'
import type { Sensitive } from '../../../../sensitive.ts'
import { libpqEnvironment } from '../../connection/libpq.ts'
import { outlived } from '../manifests.ts'
import type { Backup, Backups, CommandBackup, DumpBackups, KnownBackup } from '../port.ts'
import { readCreated, readDescribed, readVerified } from './answers.ts'
import { type BackupCommands, requireProgram, runBackupCommand } from './command.ts'
import { BackupCommandError } from './errors.ts'

/*
 * Backups by a command of the team's own (pgBackRest, WAL-G, a cloud's snapshot), for databases that are too big to be
 * dumped before each deploy. The command makes, describes and proves them, and Purser holds it to its answers: nothing
 * counts as proven before its `verify` said so. Dumps that were made before the environment changed over stay usable.
 */

interface CommandBackupOptions {
  /** The address of the database that is backed up. */
  readonly url: Sensitive
  readonly commands: BackupCommands
  /** What was dumped before, and what leads back from a restore in place. */
  readonly dumps: DumpBackups
}

const describeLimitMs = 2 * 60_000

export function openCommandBackups({ url, commands, dumps }: CommandBackupOptions): Backups {
  const database = decodeURIComponent(new URL(url.reveal()).pathname.slice(1))
  const make = (name: string, onProgress: (line: string) => void, signal: AbortSignal) =>
    create({ commands, database }, name, onProgress, signal)
  const find = (id: string, signal: AbortSignal): Promise<CommandBackup | undefined> =>
    describe({ commands, database }, id, signal)
  return {
    forecast: async () => {
      const { create: first, describe: second, verify: third, restore } = commands
      const named = [first, second, third, ...(restore === undefined ? [] : [restore])]
      for (const argv of named) await requireProgram(argv, 'looking for the command of the backups')
      return { by: 'command', program: first.join(' '), restores: restore !== undefined }
    },
    create: make,
    dump: (name, onProgress, signal) => dumps.create(name, onProgress, signal),
    verify: (file, signal) => (isDump(file) ? dumps.verify(file, signal) : stillThere(find, file, signal)),
    find: (file, signal) => (isDump(file) ? dumps.find(file, signal) : find(file, signal)),
    retain: async (rule, signal) => {
      const gone = await dumps.retain(rule, signal)
      const known = rule.known.filter(({ file }) => !isDump(file))
      return [...gone, ...(await retain(commands, find, { ...rule, known }, signal))]
    },
  }
}

/** The name of a dump's directory ends so; no id that a command gives may. */
function isDump(file: string): boolean {
  return file.endsWith('.dump')
}

interface Place {
  readonly commands: BackupCommands
  readonly database: string
}

async function create(
  place: Place,
  name: string,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<Backup> {
  const { commands } = place
  const making = 'making the backup by command'
  const made = await runBackupCommand({ commands, argv: [...commands.create, name], doing: making, onProgress }, signal)
  const id = readCreated(made, making)
  if (isDump(id))
    throw new BackupCommandError('backup_command_answer', `${making}: the id ${id} ends as a dump of Purser's does`)
  const proving = `proving the backup ${id}`
  const argv = [...commands.verify, id] as const
  const began = performance.now()
  const verdict = readVerified(await runBackupCommand({ commands, argv, doing: proving, onProgress }, signal), proving)
  if (!verdict.proven)
    throw new BackupCommandError('backup_not_proven', `${proving}: ${verdict.why}`, {
      hint: 'No migration starts without a proven backup. Fix it, then retry.',
    })
  const verifyMs = Math.round(performance.now() - began)
  const backup = await describe(place, id, signal)
  if (backup === undefined) throw goneMissing(id)
  // The phase that migrates asks `describe` alone, so what `verify` said has to be told there too.
  if (backup.proof === undefined)
    throw new BackupCommandError('backup_command_answer', `${proving}: verify says proven, describe does not`, {
      hint: 'docs/backups-by-command.md says what each command has to answer.',
    })
  return { ...backup, proof: verdict.how, verifyMs }
}

async function describe({ commands, database }: Place, id: string, signal: AbortSignal) {
  const doing = `looking at the backup ${id}`
  const quick = { ...commands, quietMinutes: Math.min(commands.quietMinutes, describeLimitMs / 60_000) }
  const answer = await runBackupCommand({ commands: quick, argv: [...commands.describe, id], doing }, signal)
  const found = readDescribed(id, answer, doing, new Date())
  if (found === undefined) return undefined
  const { startedAt, finishedAt, bytes, proof } = found
  const backup: CommandBackup = {
    by: 'command',
    file: id,
    database,
    bytes,
    sha256: createHash('sha256').update([id, startedAt, finishedAt, bytes].join('\n')).digest('hex'),
    startedAt,
    finishedAt,
    proof: proof ?? undefined,
  }
  return backup
}

type Find = (id: string, signal: AbortSignal) => Promise<CommandBackup | undefined>

async function stillThere(find: Find, id: string, signal: AbortSignal): Promise<CommandBackup> {
  const found = await find(id, signal)
  if (found === undefined) throw goneMissing(id)
  return found
}

function goneMissing(id: string): BackupCommandError {
  return new BackupCommandError('backup_missing', `looking at the backup ${id}: the command knows no such backup`, {
    hint: 'See `/billing backups`.',
  })
}

/**
 * Names those that are gone: expired by the tool's own rule, or removed here, where a `remove` command is given. That
 * of which nothing could be learned is not gone.
 */
async function retain(
  commands: BackupCommands,
  find: Find,
  rule: Parameters<Backups['retain']>[0],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const there: KnownBackup[] = []
  const gone: string[] = []
  for (const backup of rule.known)
    if ((await find(backup.file, signal)) === undefined) gone.push(backup.file)
    else there.push(backup)
  if (commands.remove === undefined) return gone
  for (const id of outlived(there, { ...rule, owns: () => true })) {
    signal.throwIfAborted()
    await runBackupCommand({ commands, argv: [...commands.remove, id], doing: `removing the backup ${id}` }, signal)
    gone.push(id)
  }
  return gone
}

/** What fills the new database of a restore, where the team's command can. */
export interface CommandRestore {
  /** Whether this backup is one of the command's. */
  holds(file: string): boolean
  /** Brings a backup into an empty database; the command gets its address by libpq's variables. */
  fill(id: string, target: Sensitive, onProgress: (line: string) => void, signal: AbortSignal): Promise<void>
}

export function commandRestore(commands: BackupCommands): CommandRestore {
  return {
    holds: (file) => !isDump(file),
    fill: async (id, target, onProgress, signal) => {
      const doing = `restoring the backup ${id} by command`
      if (commands.restore === undefined)
        throw new BackupCommandError('restore_failed', `${doing}: purser.yaml names no command for it`, {
          hint: 'The live database is unchanged. Bring it back by hand, or set `backups.command.restore`.',
        })
      const env = libpqEnvironment(target)
      await runBackupCommand({ commands, argv: [...commands.restore, id], doing, env, onProgress }, signal)
    },
  }
}
