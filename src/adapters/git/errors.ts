import { type ErrorFacts, PurserError, unknownVersion } from '../../errors.ts'

const repositoryCodes = [
  unknownVersion,
  'unknown_commit',
  'directory_missing',
  'in_submodule',
  'link_unreadable',
  'file_missing',
  'file_too_large',
  'git_failed',
  'git_lfs_failed',
  'git_lfs_missing',
  'git_lfs_pointer',
  'repository_denied',
  'repository_missing',
  'repository_unreachable',
  'submodule_refused',
  'command_not_found',
  'command_not_started',
  'command_timed_out',
  'workspace_missing',
] as const
type RepositoryCode = (typeof repositoryCodes)[number]

/** The service's repository could not be read. */
export class RepositoryError extends PurserError {
  readonly code: RepositoryCode

  constructor(code: RepositoryCode, message: string, facts?: ErrorFacts) {
    super(message, facts)
    this.code = code
  }
}
