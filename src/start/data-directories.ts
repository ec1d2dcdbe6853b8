import { chmod, lstat, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { ConfigError } from '../config/config-error.ts'
import type { Settings } from '../config/environment/environment.ts'

/**
 * Makes the directories in which Purser keeps what only it may see or write: mirror, workspaces and backups. Those that are
 * there are closed to everybody else; one that belongs to somebody else (a mounted volume) is named in the log when others
 * may enter it, and so is a directory for backups elsewhere, which people may have opened to whoever copies it. Raises ConfigError
 * when it cannot write there.
 */
export async function closeDataDirectories(
  { dataDirectory, backupDirectory }: Pick<Settings, 'dataDirectory' | 'backupDirectory'>,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  const below = ['workspaces', 'mirror.git', 'backups'].map((name) => join(dataDirectory, name))
  try {
    await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
    await mkdir(join(dataDirectory, 'workspaces'), { recursive: true, mode: 0o700 })
    await tryWriting(dataDirectory, log)
  } catch (error) {
    throw cannotWrite(dataDirectory, error)
  }
  for (const directory of [dataDirectory, ...below]) await close(directory, log)
  if (!below.includes(backupDirectory) && (await openToOthers(backupDirectory)))
    log.warn(`others can enter the backup directory ${backupDirectory}. Close it: chmod 700`)
}

/** A full disk is told and refuses nothing: a rollback may need none of it. */
async function tryWriting(directory: string, log: Pick<Logger, 'warn'>): Promise<void> {
  const path = join(directory, `.written-${process.pid}`)
  try {
    await writeFile(path, 'Purser looks whether it can write here.\n')
  } catch (error) {
    if (codeOf(error) !== 'ENOSPC' && codeOf(error) !== 'EDQUOT') throw error
    log.warn(`the disk of ${directory} is full: plans, backups and checkouts will fail. Make room`)
  } finally {
    await rm(path, { force: true }).catch(() => undefined)
  }
}

function cannotWrite(directory: string, error: unknown): ConfigError {
  const why = error instanceof Error ? error.message : String(error)
  return new ConfigError(
    'the environment',
    [`PURSER_DATA_DIR: ${directory} cannot be written to (${codeOf(error)}): ${why}`],
    "Name a directory that Purser's user may write to, on a volume that is mounted for writing.",
  )
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'no code'
}

async function close(directory: string, log: Pick<Logger, 'warn'>): Promise<void> {
  if (!(await openToOthers(directory))) return
  await chmod(directory, 0o700).catch(() => undefined)
  if (await openToOthers(directory)) log.warn(`others may enter ${directory}, which is not Purser's own to close`)
}

async function openToOthers(directory: string): Promise<boolean> {
  const facts = await lstat(directory).catch(() => undefined)
  return facts?.isDirectory() === true && (facts.mode & 0o077) !== 0
}
