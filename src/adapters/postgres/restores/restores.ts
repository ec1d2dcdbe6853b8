import pg from 'pg'
import type { Sensitive } from '../../../sensitive.ts'
import { DatabaseError } from '../errors.ts'
import { compareAccess } from './access-check.ts'
import { doneInPlace, restoreInPlace } from './in-place/in-place.ts'
import { whyNotInPlace } from './in-place/check.ts'
import { rehearseInPlace } from './in-place/rehearsal.ts'
import { restoreRisks } from './risks.ts'
import type { CommandRestore } from '../backups/by-command/backups.ts'
import { checkedName } from '../backups/manifests.ts'
import { commandContent, type RestoredContent } from './restored-content.ts'
import { copyDatabaseFacts } from './swap/database-facts.ts'
import { exchange, markIn, markOf, openTo, outside } from './swap/swap.ts'
import { whyNotSwap } from './swap/check.ts'
import { createAlike, databaseName, dropDatabase, findDatabase, onDatabase, restoreInto } from './new-database.ts'
import type { BackupManifest, TableRows } from '../backups/port.ts'
import type { PrepareRestore, RestoreNames, Restores, SwapState } from './port.ts'
import { type Session, withLongSession, withSession } from '../connection/session.ts'
import { type BackupStorage, directoryStorage } from '../backups/storage.ts'
import { compareWith } from '../backups/test-restore.ts'

/*
 * Restores by a swap of database names. The phases of a restore and of its rollback call these methods, each of which
 * looks at the names first and may be repeated after a crash at any point. A prepared database is marked in its comment
 * (swap.ts) once it has been compared with the backup's snapshot; only a marked one is swapped in. The exchange renames both in
 * one transaction after connections were refused and ended, and is asked for by names, so that a repeat finds it done.
 * Nothing that served is ever dropped.
 */

interface RestoreOptions {
  readonly url: Sensitive
  /** The directory where backups are kept, unless `storage` says otherwise. */
  readonly directory: string
  readonly storage?: BackupStorage | undefined
  /** The directories with client tools; see BackupOptions. */
  readonly toolDirectories?: readonly string[] | undefined
  /** What brings back the backups that are no dumps; without it, all are. */
  readonly byCommand?: CommandRestore | undefined
}

export function openRestores(options: RestoreOptions): Restores {
  const { url, directory, storage = directoryStorage(directory), toolDirectories, byCommand } = options
  const live = decodeURIComponent(new URL(url.reveal()).pathname.slice(1))
  return {
    names: (run) => ({
      live,
      restored: databaseName(live, `_restore_${run}`),
      kept: databaseName(live, `_before_${run}`),
    }),
    whyNotSwap: (backup, signal) => whyNotSwap(url, live, backup, signal),
    swapState: (names, signal) =>
      outside(url, 'looking at the databases', signal, (session) => swapState(session, names)),
    prepare: (restore, signal) => {
      const content = byCommand?.holds(restore.file)
        ? commandContent(byCommand, restore)
        : dumpContent({ storage, toolDirectories }, restore)
      return prepare(url, content, restore, signal)
    },
    swap: (names, signal) => swap(url, names, signal),
    swapBack: ({ live: name, restored, kept }, signal) =>
      exchange(url, { from: name, in: kept, out: restored }, signal),
    reopen: (names, signal) =>
      outside(url, `opening ${names.live}`, signal, (session) => openTo(session, names.live, true)),
    discard: (names, signal) =>
      outside(url, `dropping ${names.restored}`, signal, (session) => dropDatabase(session, names.restored)),
    kept: (signal) => withSession(url, 'looking for kept databases', signal, (session) => keptDatabases(session, live)),
    whyNotInPlace: (backup, signal) => whyNotInPlace({ url, toolDirectories }, backup, signal),
    risks: (backup, strategy, signal) => restoreRisks(url, backup, strategy, signal),
    rehearseInPlace: (file, onProgress, signal) =>
      rehearseInPlace({ url, storage, toolDirectories }, file, onProgress, signal),
    inPlace: (restore, signal) => restoreInPlace({ url, storage, toolDirectories }, restore, signal),
    doneInPlace: (run, signal) => doneInPlace({ url }, run, signal),
    countNow: (tables, timeoutMs, signal) =>
      withSession(url, 'counting rows', signal, (session) => countNow(session, tables, timeoutMs)),
  }
}

/** Swaps the names. What was set or granted since the new database was prepared goes along. */
async function swap(url: Sensitive, { live, restored, kept }: RestoreNames, signal: AbortSignal) {
  await outside(url, `copying settings and grants to ${restored}`, signal, async (session) => {
    if ((await findDatabase(session, kept)) !== undefined) return
    await copyDatabaseFacts(session, { from: live, to: restored, target: onDatabase(url, restored) }, signal)
  })
  return exchange(url, { from: live, in: restored, out: kept }, signal)
}

async function swapState(session: Session, { live, restored, kept }: RestoreNames): Promise<SwapState> {
  const [alive, fresh, former] = [
    await findDatabase(session, live),
    await findDatabase(session, restored),
    await findDatabase(session, kept),
  ]
  if (alive === undefined)
    throw new DatabaseError('database_missing', `looking at the databases: ${live} doesn't exist`, {
      hint: 'It was renamed or dropped. Nothing changed now.',
    })
  if (former !== undefined && fresh === undefined) return 'swapped'
  if (fresh === undefined) return 'absent'
  return markIn(fresh.comment) === undefined ? 'unfinished' : 'prepared'
}

async function prepare(
  url: Sensitive,
  content: RestoredContent,
  { names, file, sha256, onProgress }: PrepareRestore,
  signal: AbortSignal,
): Promise<{ readonly milliseconds: number }> {
  const { restored } = names
  const doing = `restoring ${file} into ${restored}`
  await content.require(doing, signal)
  const done = await withLongSession(url, doing, signal, async (session) => {
    const found = await findDatabase(session, restored)
    const mark = markIn(found?.comment ?? '')
    if (mark?.sha256 === sha256) return mark.milliseconds
    await dropDatabase(session, restored)
    await createAlike(session, restored)
    return undefined
  })
  if (done !== undefined) return { milliseconds: done }
  const began = performance.now()
  const target = onDatabase(url, restored)
  await content.fill(target, doing, signal)
  onProgress('analyzing and checking')
  await Promise.all([
    withLongSession(target, `analyzing ${restored}`, signal, (session) => session.query('analyze')),
    content.check(target, `checking ${restored}`, signal),
  ])
  const milliseconds = Math.round(performance.now() - began)
  await withLongSession(url, doing, signal, async (session) => {
    await copyDatabaseFacts(session, { from: names.live, to: restored, target }, signal)
    // The comment is written last: it says that all before it was done.
    const note = pg.escapeLiteral(markOf(file, sha256, milliseconds))
    await session.query(`comment on database ${pg.escapeIdentifier(restored)} is ${note}`)
  })
  return { milliseconds }
}

interface DumpPlace {
  readonly storage: BackupStorage
  readonly toolDirectories: readonly string[] | undefined
}

function dumpContent({ storage, toolDirectories }: DumpPlace, { file, onProgress }: PrepareRestore): RestoredContent {
  const manifestOf = (doing: string, signal: AbortSignal) => storage.manifest(checkedName(file), doing, signal)
  return {
    require: async (doing, signal) => requireWhole(await manifestOf(doing, signal), doing),
    fill: async (target, doing, signal) =>
      storage.withFiles(await manifestOf(doing, signal), signal, (path) =>
        restoreInto({ url: target, path, doing, withOwners: true, toolDirectories, onProgress }, signal),
      ),
    check: async (target, doing, signal) => {
      const manifest = await manifestOf(doing, signal)
      await Promise.all([
        compareWith(manifest, target, doing, signal),
        withLongSession(target, doing, signal, (session) => compareAccess(session, manifest, doing)),
      ])
    },
  }
}

/** Raises for a backup of some schemas: swapped in, it would take all others away. */
function requireWhole({ schemas }: BackupManifest, doing: string): void {
  if (schemas === undefined) return
  throw new DatabaseError('backup_partial', `${doing}: it holds only ${schemas.join(', ')}, not the whole database`, {
    hint: "It can't replace the database. Restore its schemas in place. Nothing changed.",
  })
}

async function keptDatabases(session: Session, live: string) {
  const { rows } = await session.query<{ name: string; bytes: string | null }>(
    `select datname as name, case when pg_has_role(current_user, datdba, 'member') or has_database_privilege(oid, 'connect')
       then pg_database_size(oid)::text end as bytes
     from pg_database where datname ~ '_(before|restore)_[0-9]+$'`,
  )
  return rows
    .flatMap(({ name, bytes }) => {
      const [suffix, word, run] = /_(before|restore)_(\d+)$/.exec(name) ?? []
      if (suffix === undefined || databaseName(live, suffix) !== name) return []
      const kind = word === 'before' ? ('before' as const) : ('restore' as const)
      return [{ name, run: Number(run), kind, bytes: bytes === null ? undefined : Number(bytes) }]
    })
    .toSorted((a, b) => b.run - a.run)
}

/** Counts rows; tables that are gone, or take too long to count, are left out. */
async function countNow(session: Session, tables: readonly string[], timeoutMs: number): Promise<readonly TableRows[]> {
  const deadline = performance.now() + timeoutMs
  const counted: TableRows[] = []
  for (const table of tables) {
    const left = Math.round(deadline - performance.now())
    if (left <= 0) break
    const [schema = '', ...name] = table.split('.')
    const place = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name.join('.'))}`
    await session.query(`set statement_timeout = ${left}`)
    const answer = await session.query<{ count: string }>(`select count(*) from only ${place}`).catch(() => undefined)
    if (answer !== undefined) counted.push({ table, rows: Number(answer.rows[0]?.count) })
  }
  return counted
}
