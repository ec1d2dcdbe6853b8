import { statfs } from 'node:fs/promises'
import { BackupError } from '../errors.ts'
import type { BackupManifest } from './port.ts'
import { sizeOf } from '../../../text.ts'

/**
 * The part of the tables' size by which a first backup is reckoned: compressed rows take up to 0.4, and half as much
 * again is safe.
 */
const firstRatio = 0.6
/** The factor by which the next backup may need more than the former ones. */
const margin = 1.2

interface SpaceNeeded {
  readonly bytes: number
  /** Tells in words how the figure came about. */
  readonly reckoning: string
}

/** Reckons what a dump of tables of this size will take, by how much the last ones shrank. Pure. */
export function spaceNeeded(sourceBytes: number, former: readonly BackupManifest[]): SpaceNeeded {
  const ratios = former
    .filter((one) => one.sourceBytes !== undefined && one.sourceBytes > 0)
    .slice(0, 5)
    .map(({ bytes, sourceBytes = 1 }) => bytes / sourceBytes)
  const ratio = ratios.length === 0 ? firstRatio : Math.max(...ratios) * margin
  const basis =
    ratios.length === 0
      ? 'no previous backup to measure by'
      : `the last ${ratios.length === 1 ? 'one' : ratios.length} took up to ${percent(Math.max(...ratios))} of theirs`
  return { bytes: Math.ceil(sourceBytes * ratio), reckoning: `tables of ${sizeOf(sourceBytes)}, ${basis}` }
}

/**
 * Raises when the space is too small: better not begun than broken off with a full disk, on which others may write too.
 */
export async function requireSpace(directory: string, needed: SpaceNeeded): Promise<void> {
  const { bavail, bsize } = await statfs(directory)
  const free = bavail * bsize
  if (free >= needed.bytes) return
  throw new BackupError(
    'backup_disk_full',
    `backing up the database: it needs about ${sizeOf(needed.bytes)} in ${directory}, ${sizeOf(free)} are free`,
    {
      hint: `Free ${sizeOf(needed.bytes - free)} there, or put PURSER_BACKUP_DIR on a larger volume (environments.*.backups.keep and days say how many backups stay).`,
      evidence: [`estimate: ${needed.reckoning}`],
    },
  )
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`
}
