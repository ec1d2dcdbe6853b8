import type { Sensitive } from '../../../sensitive.ts'
import type { CommandRestore } from '../backups/by-command/backups.ts'
import { tablesOf } from '../backups/contents.ts'
import { withLongSession } from '../connection/session.ts'
import { BackupError } from '../errors.ts'
import type { PrepareRestore } from './port.ts'

/** What fills the new database of a restore, and tells whether it came whole. Nothing of it touches the live one. */
export interface RestoredContent {
  /** Raises when this backup cannot fill a whole database. */
  require(doing: string, signal: AbortSignal): Promise<void>
  fill(target: Sensitive, doing: string, signal: AbortSignal): Promise<void>
  check(target: Sensitive, doing: string, signal: AbortSignal): Promise<void>
}

/** A backup of the team's own command: there are no counts to compare with, but an empty database is certainly wrong. */
export function commandContent(command: CommandRestore, { file, onProgress }: PrepareRestore): RestoredContent {
  return {
    require: async () => {},
    fill: (target, _doing, signal) => command.fill(file, target, onProgress, signal),
    check: (target, doing, signal) =>
      withLongSession(target, doing, signal, async (session) => {
        if ((await tablesOf(session)).length > 0) return
        throw new BackupError('restore_failed', `${doing}: the command left it without a table`, {
          hint: 'The live database is unchanged. See what the restore command does.',
        })
      }),
  }
}
