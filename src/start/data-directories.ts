import { chmod, lstat, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Settings } from '../config/environment/environment.ts'

/**
 * Makes the directories in which Purser keeps what only it may see or write: mirror, workspaces and backups. Those that are
 * there are closed to everybody else; one that belongs to somebody else (a mounted volume) is named in the log when others
 * may enter it, and so is a directory for backups elsewhere, which people may have opened to whoever copies it.
 */
export async function closeDataDirectories(
  { dataDirectory, backupDirectory }: Pick<Settings, 'dataDirectory' | 'backupDirectory'>,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  const below = ['workspaces', 'mirror.git', 'backups'].map((name) => join(dataDirectory, name))
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
  await mkdir(join(dataDirectory, 'workspaces'), { recursive: true, mode: 0o700 })
  for (const directory of [dataDirectory, ...below]) await close(directory, log)
  if (!below.includes(backupDirectory) && (await openToOthers(backupDirectory)))
    log.warn(`others can enter the backup directory ${backupDirectory}. Close it: chmod 700`)
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
