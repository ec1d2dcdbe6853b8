import { PurserError } from '../errors.ts'

const diskCodes = ['own_disk_full', 'own_disk_read_only'] as const
type DiskCode = (typeof diskCodes)[number]

/** Purser's own disk takes nothing: no fault of the program, and nothing that goes by itself. */
class DiskTrouble extends PurserError {
  readonly code: DiskCode

  constructor(code: DiskCode, cause: Error) {
    super(`writing to Purser's own disk: ${cause.message}`, { hint: hints[code], cause })
    this.code = code
  }
}

const hints: Readonly<Record<DiskCode, string>> = {
  own_disk_full: 'Make room where PURSER_DATA_DIR and PURSER_BACKUP_DIR are (`df -h`), then retry the phase.',
  own_disk_read_only: 'Let Purser write to PURSER_DATA_DIR, PURSER_BACKUP_DIR and /tmp again, then retry the phase.',
}

/** Pure: a disk that takes nothing as what it is, any other error as it came. */
export function diskTroubleOf(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof PurserError || !('code' in error)) return error
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') return new DiskTrouble('own_disk_full', error)
  return error.code === 'EROFS' ? new DiskTrouble('own_disk_read_only', error) : error
}
