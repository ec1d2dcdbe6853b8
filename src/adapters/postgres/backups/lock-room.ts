import type { Session } from '../connection/session.ts'
import { BackupError } from '../errors.ts'
import { PurserError } from '../../../errors.ts'

/** How many locks fit into the server's one table of them, see https://www.postgresql.org/docs/current/runtime-config-locks.html. */
interface LockRoom {
  /** `max_locks_per_transaction`. It is no limit of a transaction: it only makes the table as large as that. */
  readonly perTransaction: number
  /** By how much it is multiplied: connections and prepared transactions. */
  readonly slots: number
  /** Locks in the table now. */
  readonly held: number
}

async function lockRoom(session: Session): Promise<LockRoom> {
  const { rows } = await session.query<LockRoom>(
    `select current_setting('max_locks_per_transaction')::int as "perTransaction",
       current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int as slots,
       (select count(*)::int from pg_locks where not fastpath) as held`,
  )
  const [room] = rows
  if (!room) throw new Error('the server answered with no row')
  return room
}

/** What somebody else needs beside the backup. */
const reserve = 1.2

/** Returns the `max_locks_per_transaction` with which so many tables can be locked at a time. It is more than there is now. */
export function enoughFor(tables: number, { perTransaction, slots, held }: LockRoom): number {
  const wanted = Math.ceil((tables * reserve + held) / Math.max(1, slots))
  return wanted > perTransaction ? wanted : perTransaction * 2
}

/**
 * Tells whether a parallel dump is sure to have room. Where it isn't, it should not be tried: what its processes take of the server's shared
 * memory does not come back, and then one process has no room either.
 */
export async function roomForParallel(tables: number, session: Session): Promise<boolean> {
  const { perTransaction, slots, held } = await lockRoom(session)
  return tables + held <= perTransaction * slots
}

/**
 * Tells whether a dump failed because the lock table was full. `pg_dump` says of its further processes only that a lock was not had; then
 * the number of tables decides.
 */
function isFull(error: PurserError, tables: number, room: LockRoom): boolean {
  if ([error.message, ...error.evidence].some((line) => line.includes('out of shared memory'))) return true
  const unsaid = error.evidence.some((line) => line.includes('could not obtain lock on relation'))
  return unsaid && tables * reserve + room.held > room.perTransaction * room.slots
}

/** Says of an error with which setting the server could have locked all tables, where that was the reason; else returns it as it is. */
export async function sayWhetherFull(
  doing: string,
  error: unknown,
  tables: number,
  session: Session,
): Promise<unknown> {
  if (!(error instanceof PurserError)) return error
  const room = await lockRoom(session).catch(() => undefined)
  if (room === undefined || !isFull(error, tables, room)) return error
  const { perTransaction, slots } = room
  const facts = `max_locks_per_transaction = ${perTransaction} on ${slots} connections and prepared transactions`
  return new BackupError(
    'lock_table_full',
    `${doing}: the server's lock table is full, for ${tables} tables need a lock each`,
    {
      hint: `Set max_locks_per_transaction to ${enoughFor(tables, room)} or more on the server and restart it.`,
      evidence: [facts, ...error.evidence],
      cause: error,
    },
  )
}
