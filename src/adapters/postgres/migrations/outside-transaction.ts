import { DatabaseError, explain } from '../errors.ts'
import type { Ledger } from './ledger.ts'
import type { ApplyMigration, MigrationOutcome } from '../port.ts'
import type { Session } from '../connection/session.ts'
import { asOurselves } from './as-ourselves.ts'
import { concurrentIndex, detachedConcurrently, droppedConcurrently } from './concurrent-index.ts'
import { runsOutside, setsSession, waitsHarmlessly } from './file-text.ts'
import type { Statement } from './statements.ts'
import { offThread } from '../../off-thread/off-thread.ts'

/**
 * Applies a file with `create index concurrently` and its kin statement by statement. Each done one is noted beside the
 * ledger, so that a repeat after a crash goes on where it ended. What can run in a transaction does, together with its
 * note; what cannot is looked at first, as it may have been done without its note.
 */
export async function applyOutsideTransaction(
  session: Session,
  ledger: Ledger,
  migration: ApplyMigration,
  signal: AbortSignal,
): Promise<MigrationOutcome> {
  const { file, run, release } = migration
  const doing = `applying ${file.name}`
  const statements = await offThread('statements', file.sql, signal)
  const started = performance.now()
  const done = await ledger.statementsDone(session, file)
  for (const [index, place] of statements.entries()) {
    signal.throwIfAborted()
    const statement = { ...place, text: file.sql.slice(place.start, place.end) }
    if (done.has(index)) {
      // What an earlier try has set went with its session, and what follows was written for it.
      if (setsSession(statement.words)) await session.query(statement.text)
      continue
    }
    try {
      if (runsOutside(statement.words)) {
        const begun = await beginOutside(session, ledger, migration, { statement, index, done })
        await runOutside(session, statement, migration, begun)
      }
      await inTransaction(session, async () => {
        await session.query(`set local lock_timeout = ${Math.round(migration.lockTimeoutMs)}`)
        await session.query(`set local statement_timeout = ${Math.round(migration.statementTimeoutMs)}`)
        if (!runsOutside(statement.words)) await session.query(statement.text)
        await session.query(asOurselves)
        await ledger.noteStatement(session, file, index)
      })
    } catch (error) {
      signal.throwIfAborted()
      throw broken(doing, error, statement, index, statements.length, await leftInvalid(session, statement))
    }
  }
  const milliseconds = Math.round(performance.now() - started)
  await inTransaction(session, async () => {
    await session.query(asOurselves)
    await ledger.record(session, file, { run, release, milliseconds })
  })
  return { outcome: 'applied', milliseconds }
}

/**
 * Notes, before a statement whose end would leave no note if we died behind it, that it is begun. Returns whether it was begun by an
 * earlier try: only then what stands there may be its work.
 */
async function beginOutside(
  session: Session,
  ledger: Ledger,
  { file }: ApplyMigration,
  at: { readonly statement: Statement; readonly index: number; readonly done: ReadonlySet<number> },
): Promise<boolean> {
  const note = begunNote(at.index)
  if (at.done.has(note)) return true
  if (concurrentIndex(at.statement) === undefined && droppedConcurrently(at.statement) === undefined) return false
  await inTransaction(session, async () => {
    // The file may have become another role, or have another search_path, until it says otherwise.
    await session.query(asOurselves)
    await ledger.noteStatement(session, file, note)
  })
  return false
}

/** The notes of done statements are their places, from 0. */
function begunNote(index: number): number {
  return -1 - index
}

/** Runs a statement on its own. One that blocks nobody while it waits for old transactions to end has only its own time limit. */
async function runOutside(
  session: Session,
  statement: Statement,
  migration: ApplyMigration,
  begun: boolean,
): Promise<void> {
  if (await standsAlready(session, statement, begun)) return
  const lockTimeoutMs = waitsHarmlessly(statement.words) ? 0 : Math.round(migration.lockTimeoutMs)
  await session.query(`set lock_timeout = ${lockTimeoutMs}`)
  await session.query(`set statement_timeout = ${Math.round(migration.statementTimeoutMs)}`)
  try {
    await session.query((await finishingDetach(session, statement)) ?? statement.text)
  } finally {
    // Not `reset`: the role may have limits of its own.
    await session.query('set lock_timeout = 0').catch(() => {})
    await session.query('set statement_timeout = 0').catch(() => {})
  }
}

/** What finishes a concurrent detach that a try broke off between its two transactions: the same statement would only be refused then. */
async function finishingDetach(session: Session, statement: Statement): Promise<string | undefined> {
  const detached = detachedConcurrently(statement)
  if (detached === undefined) return undefined
  const { rows } = await session.query<{ pending: boolean }>(
    `select inhdetachpending as pending from pg_catalog.pg_inherits where inhparent = to_regclass($1) and inhrelid = to_regclass($2)`,
    [detached.table, detached.partition],
  )
  return rows[0]?.pending === true
    ? `alter table ${detached.table} detach partition ${detached.partition} finalize`
    : undefined
}

/**
 * Tells whether an earlier try has done the statement. An index that it finished is kept; one that was left invalid is
 * dropped, so that it can be built again.
 */
async function standsAlready(session: Session, statement: Statement, begun: boolean): Promise<boolean> {
  const dropped = droppedConcurrently(statement)
  if (dropped !== undefined && !begun) return false
  if (dropped !== undefined) {
    const { rows } = await session.query<{ gone: boolean }>('select to_regclass($1) is null as gone', [dropped])
    return rows[0]?.gone ?? false
  }
  const index = concurrentIndex(statement)
  if (index === undefined) return false
  const found = await indexNamed(session, index)
  if (found === undefined) return false
  if (!found.same) throw new DatabaseError('already_exists', `${index.name} isn't an index of ${index.table}`)
  if (!found.valid) await session.query(`drop index concurrently ${found.place}`)
  return found.valid && begun
}

interface FoundIndex {
  readonly valid: boolean
  /** Its schema and name, quoted where they need it. */
  readonly place: string
  /** Whether it is one of that table. */
  readonly same: boolean
}

/** Finds what has the name of an index beside its table. */
async function indexNamed(
  session: Session,
  { name, table }: { readonly name: string; readonly table: string },
): Promise<FoundIndex | undefined> {
  const { rows } = await session.query<FoundIndex>(
    `select i.indisvalid as valid, format('%I.%I', n.nspname, c.relname) as place, i.indrelid = to_regclass($2) as same
     from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
     where c.relname = $1::name and c.relnamespace = (select relnamespace from pg_class where oid = to_regclass($2))`,
    [name, table],
  )
  return rows[0]
}

async function leftInvalid(session: Session, statement: Statement): Promise<string | undefined> {
  const index = concurrentIndex(statement)
  const found = index === undefined ? undefined : await indexNamed(session, index).catch(() => undefined)
  return found === undefined || found.valid || !found.same ? undefined : found.place
}

/**
 * Lists what a broken-off concurrent build left, as `schema.index` with the quotes that the names need: such indexes cost every write and
 * help no query.
 */
export async function invalidIndexes(session: Session): Promise<readonly string[]> {
  const { rows } = await session.query<{ name: string }>(`
    select format('%I.%I', n.nspname, c.relname) as name from pg_index i join pg_class c on c.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
    where not i.indisvalid and c.relkind = 'i' and n.nspname !~ '^pg_'
      and not exists (select from pg_stat_progress_create_index where index_relid = i.indexrelid) order by 1`)
  return rows.map((row) => row.name)
}

function broken(doing: string, error: unknown, at: Statement, index: number, all: number, invalid: string | undefined) {
  const told = explain(doing, error, at.text)
  const where = `statement ${index + 1} of ${all}, line ${at.line}. Those before it are done and won't be repeated`
  const left = invalid === undefined ? [] : [`index ${invalid} is left invalid. The next try drops and rebuilds it`]
  const known = told instanceof DatabaseError ? told : undefined
  return new DatabaseError(known?.code ?? 'database_failed', `${told.message} (${where})`, {
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
    ...(known?.sqlState === undefined ? {} : { sqlState: known.sqlState }),
    transient: known?.transient ?? false,
    evidence: [...left, ...(known?.evidence ?? [])],
    cause: error,
  })
}

async function inTransaction(session: Session, work: () => Promise<void>): Promise<void> {
  await session.query('begin')
  try {
    await work()
    await session.query('commit')
  } catch (error) {
    await session.query('rollback').catch(() => {})
    throw error
  }
}
