import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Sensitive } from '../../../../sensitive.ts'
import { DatabaseError } from '../../errors.ts'
import { type Session, withSession } from '../../connection/session.ts'
import { findDatabase, onDatabase } from '../new-database.ts'

/*
 * The exchange of two names, which is all that a swap does while the service waits. Prepared databases have Purser's mark in their
 * comment. The mark stays with the database beside the live one, and people's comment with the live name, so that both are where they
 * were once the names are swapped back.
 */

const connectionsLimitMs = 15_000
const cleanUpLimitMs = 15_000

/** What Purser notes of a database that it has restored beside the live one; the first form is that of earlier versions. */
const marker =
  /^purser: (?:restored|beside the live database, for the restore of) \S+ ([0-9a-f]{64})(?:,)? in (\d+) ms$/

/** Writes the mark of a database that holds the backup, as compared with its snapshot. */
export function markOf(file: string, sha256: string, milliseconds: number): string {
  return `purser: beside the live database, for the restore of ${file} ${sha256}, in ${milliseconds} ms`
}

/** Reads the mark out of a comment. */
export function markIn(comment: string): { readonly sha256: string; readonly milliseconds: number } | undefined {
  const [, sha256, took] = marker.exec(comment) ?? []
  return sha256 === undefined ? undefined : { sha256, milliseconds: Number(took) }
}

/**
 * Opens a session in another database, as none can be renamed from inside; `postgres` is there for this, `template1`
 * always is.
 */
export async function outside<T>(
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
export async function exchange(
  url: Sensitive,
  names: Exchange,
  signal: AbortSignal,
): Promise<{ readonly milliseconds: number }> {
  const began = performance.now()
  const doing = `renaming ${names.in} to ${names.from}`
  try {
    await outside(url, doing, signal, async (session) => {
      const [alive, coming] = [await findDatabase(session, names.from), await findDatabase(session, names.in)]
      const gone = await findDatabase(session, names.out)
      if (coming === undefined && gone !== undefined) return
      if (coming === undefined || gone !== undefined) throw inTheWay(doing, names, coming === undefined)
      await openTo(session, names.from, false)
      await endConnections(session, [names.from, names.in], signal)
      await rename(session, names, belongsToName(alive, coming), signal)
    })
  } finally {
    // The name that applications use must let them in, whatever happened.
    await outside(url, `opening ${names.from}`, AbortSignal.timeout(cleanUpLimitMs), (session) =>
      openTo(session, names.from, true),
    )
  }
  return { milliseconds: Math.round(performance.now() - began) }
}

type Found = Awaited<ReturnType<typeof findDatabase>>

/** What goes with the name, whichever database has it: people's comment, and whether others are made after it. */
interface OfTheName {
  readonly template: boolean
  /** The comment of whichever has the name afterwards, and of the other one. */
  readonly comments: readonly [string, string] | undefined
}

function belongsToName(from: Found, coming: NonNullable<Found>): OfTheName {
  const template = from?.template === true || coming.template
  // A restore of an earlier version left its mark on the name: then each keeps the comment that it has.
  const marked = marker.test(from?.comment ?? '')
  return { template, comments: marked ? undefined : [from?.comment ?? '', coming.comment] }
}

async function rename(session: Session, names: Exchange, ofTheName: OfTheName, signal: AbortSignal): Promise<void> {
  const [from, coming, out] = [names.from, names.in, names.out].map((one) => pg.escapeIdentifier(one))
  await session.query('begin')
  try {
    await session.query(`set local lock_timeout = ${connectionsLimitMs}`)
    await session.query(`alter database ${from} rename to ${out}`)
    await session.query(`alter database ${coming} rename to ${from}`)
    await session.query(`alter database ${from} with allow_connections true`)
    await moveToName(session, String(from), String(out), ofTheName)
    signal.throwIfAborted()
    await session.query('commit')
  } catch (error) {
    await session.query('rollback').catch(() => {})
    throw error
  }
}

/** Names here are quoted. */
async function moveToName(
  session: Session,
  from: string,
  out: string,
  { template, comments }: OfTheName,
): Promise<void> {
  if (template) {
    await session.query(`alter database ${out} is_template false`)
    await session.query(`alter database ${from} is_template true`)
  }
  if (comments === undefined) return
  for (const [place, comment] of [
    [from, comments[0]],
    [out, comments[1]],
  ] as const)
    await session.query(`comment on database ${place} is ${comment === '' ? 'null' : pg.escapeLiteral(comment)}`)
}

export async function openTo(session: Session, name: string, open: boolean): Promise<void> {
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
