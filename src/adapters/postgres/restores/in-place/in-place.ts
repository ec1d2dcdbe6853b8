import type { Writable } from 'node:stream'
import { whileFilling } from '../fill-progress.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Sensitive } from '../../../../sensitive.ts'
import { toolsForServer } from '../../connection/client-tools.ts'
import { BackupError } from '../../errors.ts'
import { readExisting, selectContents } from './archive-contents.ts'
import { beginEmptied, checkedCommit } from './sql.ts'
import { checkedName } from '../../backups/manifests.ts'
import type { BackupManifest } from '../../backups/port.ts'
import type { RestoreInPlace } from '../port.ts'
import { withSession } from '../../connection/session.ts'
import { contentsOf, runAsOne, writeArchive } from './one-transaction.ts'
import type { BackupStorage } from '../../backups/storage.ts'

/*
 * A restore inside the live database: psql runs one transaction in which the schemas are emptied, `pg_restore` streams
 * the archive, and the rows are counted against the backup's manifest; only then is it committed, with a mark of the
 * run. The runbook calls it once the service is stopped and what is there has been dumped. Whatever breaks before the
 * commit leaves everything as it was. A repeat after a crash looks for the mark first, so a committed restore is never
 * made twice and another one may simply be begun anew.
 */

export interface InPlaceOptions {
  readonly url: Sensitive
  readonly storage: BackupStorage
  readonly toolDirectories: readonly string[] | undefined
}

export async function doneInPlace(
  { url }: Pick<InPlaceOptions, 'url'>,
  run: number,
  signal: AbortSignal,
): Promise<{ readonly safety: string } | undefined> {
  return withSession(url, 'looking whether the restore is done', signal, async (session) => {
    const { rows: found } = await session.query<{ there: boolean }>(
      `select to_regclass('purser.restores') is not null as there`,
    )
    if (!found[0]?.there) return undefined
    const { rows } = await session.query<{ safety: string }>('select safety from purser.restores where run = $1', [run])
    return rows[0]
  })
}

/**
 * Restores in place. pg_restore writes SQL, psql runs it, and only Purser says `commit`, after everything was checked:
 * whoever of the three dies, the server rolls back to what was there.
 */
export async function restoreInPlace(
  options: InPlaceOptions,
  restore: RestoreInPlace,
  signal: AbortSignal,
): Promise<{ readonly milliseconds: number }> {
  const began = performance.now()
  const { url, storage, toolDirectories } = options
  if ((await doneInPlace(options, restore.run, signal)) !== undefined) return { milliseconds: 0 }
  const doing = `restoring ${restore.file} in place`
  const manifest = await storage.manifest(checkedName(restore.file), doing, signal)
  const tools = await toolsForServer(url, toolDirectories, signal)
  const existing = await withSession(url, doing, signal, readExisting)
  const directory = await mkdtemp(join(tmpdir(), 'purser-restore-'))
  try {
    await storage.withFiles(manifest, signal, async (path) => {
      const archive = { path, tools, doing, directory, onProgress: restore.onProgress }
      const selection = selectContents(await contentsOf(archive, signal), existing)
      const fill = async (sql: Writable, over: AbortSignal) => {
        sql.write(beginEmptied(selection.schemas, manifest.schemas))
        await writeArchive(archive, selection, sql, over)
        restore.onProgress('comparing with the snapshot of the backup')
        over.throwIfAborted()
        sql.write(checkedCommit(manifest, restore))
      }
      await whileFilling(url, restore.onProgress, signal, () => runAsOne({ url, tools, doing }, signal, fill))
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  await requireDone(options, manifest, restore, signal)
  return { milliseconds: Math.round(performance.now() - began) }
}

async function requireDone(
  options: InPlaceOptions,
  { file }: BackupManifest,
  { run }: RestoreInPlace,
  signal: AbortSignal,
) {
  if ((await doneInPlace(options, run, signal)) === undefined)
    throw new BackupError('restore_failed', `restoring ${file} in place: it was not committed`, {
      hint: 'The database is unchanged. Try again.',
    })
}
