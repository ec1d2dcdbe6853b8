import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Sensitive } from '../../../sensitive.ts'
import { DatabaseError } from '../errors.ts'
import { whyPreparedTransactions } from './prepared-transactions.ts'
import { doneInPlace, restoreInPlace, whyNotInPlace } from './in-place.ts'
import { checkedName } from '../backups/manifests.ts'
import {
  copyDatabaseFacts,
  createAlike,
  databaseName,
  dropDatabase,
  findDatabase,
  onDatabase,
  restoreInto,
} from './new-database.ts'
import { transactionPooled } from '../connection/pooling.ts'
import type { BackupManifest, PrepareRestore, RestoreNames, Restores, SwapState, TableRows } from '../port.ts'
import { type Session, withLongSession, withSession } from '../connection/session.ts'
import { type BackupStorage, directoryStorage } from '../backups/storage.ts'
import { compareWith } from '../backups/test-restore.ts'

/*
 * Restores by a swap of database names. The phases of a restore and of its rollback call these methods, each of which
 * looks at the names first and may be repeated after a crash at any point. A prepared database is marked in its comment
 * once it has been compared with the backup's snapshot; only a marked one is swapped in. The exchange renames both in
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
}

const connectionsLimitMs = 15_000
const cleanUpLimitMs = 15_000
const marker = /^purser: restored \S+ ([0-9a-f]{64}) in (\d+) ms$/

export function openRestores(options: RestoreOptions): Restores {
  const { url, directory, storage = directoryStorage(directory), toolDirectories } = options
  const live = decodeURIComponent(new URL(url.reveal()).pathname.slice(1))
  return {
    names: (run) => ({
      live,
      restored: databaseName(live, `_restore_${run}`),
      kept: databaseName(live, `_before_${run}`),
    }),
    whyNotSwap: (signal) => whyNotSwap(url, live, signal),
    swapState: (names, signal) =>
      outside(url, 'looking at the databases', signal, (session) => swapState(session, names)),
    prepare: (restore, signal) => prepare({ url, storage, toolDirectories }, restore, signal),
    swap: ({ live: name, restored, kept }, signal) => exchange(url, { from: name, in: restored, out: kept }, signal),
    swapBack: ({ live: name, restored, kept }, signal) =>
      exchange(url, { from: name, in: kept, out: restored }, signal),
    reopen: (names, signal) =>
      outside(url, `opening ${names.live}`, signal, (session) => openTo(session, names.live, true)),
    discard: (names, signal) =>
      outside(url, `dropping ${names.restored}`, signal, (session) => dropDatabase(session, names.restored)),
    kept: (signal) => withSession(url, 'looking for kept databases', signal, (session) => keptDatabases(session, live)),
    whyNotInPlace: (schemas, signal) => whyNotInPlace({ url, storage, toolDirectories }, schemas, signal),
    inPlace: (restore, signal) => restoreInPlace({ url, storage, toolDirectories }, restore, signal),
    doneInPlace: (run, signal) => doneInPlace({ url }, run, signal),
    countNow: (tables, timeoutMs, signal) =>
      withSession(url, 'counting rows', signal, (session) => countNow(session, tables, timeoutMs)),
  }
}

/**
 * Opens a session in another database, as none can be renamed from inside; `postgres` is there for this, `template1`
 * always is.
 */
async function outside<T>(
  url: Sensitive,
  doing: string,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  try {
    return await withSession(onDatabase(url, 'postgres'), doing, signal, work)
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.sqlState !== '3D000') throw error
    return withSession(onDatabase(url, 'template1'), doing, signal, work)
  }
}

async function whyNotSwap(url: Sensitive, live: string, signal: AbortSignal): Promise<string | undefined> {
  const doing = 'asking whether databases can be swapped'
  const problem = await withSession(url, doing, signal, async (session) => {
    if (await transactionPooled(session, url, signal)) return 'the address leads to a transaction-mode pooler'
    const { rows } = await session.query<{ may: boolean; owns: boolean; user: string; standby: boolean }>(`
      select rolcreatedb or rolsuper as may, rolname as user, pg_is_in_recovery() as standby,
        pg_has_role(current_user, (select datdba from pg_database where datname = current_database()), 'member') as owns
      from pg_roles where rolname = current_user`)
    const [found] = rows
    if (found?.standby) return 'this server is a standby'
    if (!found?.may) return `${found?.user ?? 'the user'} isn't allowed to create databases (CREATEDB)`
    return found.owns ? whyPreparedTransactions(session) : `${found.user} does not own the database ${live}`
  })
  if (problem !== undefined) return problem
  try {
    await outside(url, doing, signal, (session) => session.query('select 1'))
    return undefined
  } catch (error) {
    if (error instanceof DatabaseError && !error.transient) return `no other database can be reached: ${error.message}`
    throw error
  }
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
  return marker.test(fresh.comment) ? 'prepared' : 'unfinished'
}

async function prepare(
  { url, storage, toolDirectories }: Required<Omit<RestoreOptions, 'directory'>> & { readonly storage: BackupStorage },
  { names, file, sha256, onProgress }: PrepareRestore,
  signal: AbortSignal,
): Promise<{ readonly milliseconds: number }> {
  const { restored } = names
  const doing = `restoring ${file} into ${restored}`
  const manifest = await storage.manifest(checkedName(file), doing, signal)
  requireWhole(manifest, doing)
  const done = await withLongSession(url, doing, signal, async (session) => {
    const found = await findDatabase(session, restored)
    const [, mark, took] = marker.exec(found?.comment ?? '') ?? []
    if (mark === sha256) return Number(took)
    await dropDatabase(session, restored)
    await createAlike(session, restored)
    return undefined
  })
  if (done !== undefined) return { milliseconds: done }
  const began = performance.now()
  const target = onDatabase(url, restored)
  await storage.withFiles(manifest, signal, (path) =>
    restoreInto({ url: target, path, doing, withOwners: true, toolDirectories, onProgress }, signal),
  )
  onProgress('analyzing, and comparing with the snapshot of the backup')
  await Promise.all([
    withLongSession(target, `analyzing ${restored}`, signal, (session) => session.query('analyze')),
    compareWith(manifest, target, `checking ${restored}`, signal),
  ])
  const milliseconds = Math.round(performance.now() - began)
  await withLongSession(url, doing, signal, async (session) => {
    await copyDatabaseFacts(session, target, restored, signal)
    // The comment is written last: it says that all before it was done.
    const note = `purser: restored ${file} ${sha256} in ${milliseconds} ms`
    await session.query(`comment on database ${pg.escapeIdentifier(restored)} is ${pg.escapeLiteral(note)}`)
  })
  return { milliseconds }
}

/** Raises for a backup of some schemas: swapped in, it would take all others away. */
function requireWhole({ schemas }: BackupManifest, doing: string): void {
  if (schemas === undefined) return
  throw new DatabaseError('backup_partial', `${doing}: it holds only ${schemas.join(', ')}, not the whole database`, {
    hint: "It can't replace the database. Restore its schemas in place. Nothing changed.",
  })
}

interface Exchange {
  /** The name under which applications find the database. */
  readonly from: string
  /** The database that gets that name. */
  readonly in: string
  /** The name that the former holder of the name has afterwards. */
  readonly out: string
}

/**
 * Exchanges two names in one transaction, so at every moment the live name has one database, the old or the new. The
 * one that leaves stays closed to connections: what a forgotten client would write there would be lost.
 */
async function exchange(
  url: Sensitive,
  names: Exchange,
  signal: AbortSignal,
): Promise<{ readonly milliseconds: number }> {
  const began = performance.now()
  const doing = `renaming ${names.in} to ${names.from}`
  try {
    await outside(url, doing, signal, async (session) => {
      const coming = await findDatabase(session, names.in)
      const gone = await findDatabase(session, names.out)
      if (coming === undefined && gone !== undefined) return
      if (coming === undefined || gone !== undefined) throw inTheWay(doing, names, coming === undefined)
      await openTo(session, names.from, false)
      await endConnections(session, [names.from, names.in], signal)
      await rename(session, names, signal)
    })
  } finally {
    // The name that applications use must let them in, whatever happened.
    await outside(url, `opening ${names.from}`, AbortSignal.timeout(cleanUpLimitMs), (session) =>
      openTo(session, names.from, true),
    )
  }
  return { milliseconds: Math.round(performance.now() - began) }
}

async function rename(session: Session, names: Exchange, signal: AbortSignal): Promise<void> {
  const [from, coming, out] = [names.from, names.in, names.out].map((one) => pg.escapeIdentifier(one))
  await session.query('begin')
  try {
    await session.query(`set local lock_timeout = ${connectionsLimitMs}`)
    await session.query(`alter database ${from} rename to ${out}`)
    await session.query(`alter database ${coming} rename to ${from}`)
    await session.query(`alter database ${from} with allow_connections true`)
    signal.throwIfAborted()
    await session.query('commit')
  } catch (error) {
    await session.query('rollback').catch(() => {})
    throw error
  }
}

async function openTo(session: Session, name: string, open: boolean): Promise<void> {
  const found = await findDatabase(session, name)
  if (found === undefined || found.open === open) return
  await session.query(`alter database ${pg.escapeIdentifier(name)} with allow_connections ${String(open)}`)
}

/**
 * Ends all connections but autovacuum's, which leaves by itself when a database is renamed, and only a superuser may
 * end it.
 */
async function endConnections(session: Session, names: readonly string[], signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + connectionsLimitMs
  for (;;) {
    const { rows } = await session.query<{ line: string }>(
      `select format('pid %s (%s, %s)', pid, usename, coalesce(nullif(application_name, ''), backend_type)) as line,
         pg_terminate_backend(pid) as ended
       from pg_stat_activity where datname = any($1) and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker'`,
      [names],
    )
    if (rows.length === 0) return
    if (performance.now() > deadline)
      throw new DatabaseError('connections_stay', 'ending the connections to the database: some do not end', {
        hint: 'End them by hand, then retry.',
        evidence: rows.map((row) => row.line),
      })
    await sleep(20, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}

function inTheWay(doing: string, names: Exchange, nothing: boolean): DatabaseError {
  return nothing
    ? new DatabaseError('database_missing', `${doing}: ${names.in} doesn't exist`, {
        hint: 'It was dropped or renamed by hand. The live database is unchanged.',
      })
    : new DatabaseError('already_exists', `${doing}: there is a ${names.out} already`, {
        hint: `Check what ${names.out} is. Rename or drop it, then retry. The live database is unchanged.`,
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
