import { type ErrorFacts, PurserError } from '../../../../errors.ts'

const backupCommandCodes = [
  'backup_command_answer',
  'backup_command_failed',
  'backup_command_missing',
  'backup_missing',
  'backup_not_proven',
  'command_not_started',
  'command_timed_out',
  'restore_failed',
] as const
type BackupCommandCode = (typeof backupCommandCodes)[number]

/** The team's own command could not make, describe, prove or bring back a backup. */
export class BackupCommandError extends PurserError {
  readonly code: BackupCommandCode

  constructor(code: BackupCommandCode, message: string, facts?: ErrorFacts) {
    super(message, facts)
    this.code = code
  }
}
