import type { Sensitive } from '../../../sensitive.ts'
import { DatabaseError } from '../errors.ts'
import { type Session, withSession } from './session.ts'

/**
 * Tells whether a transaction-mode pooler is between us and the server: there, advisory locks, `set` and the process id
 * that a cancel needs belong to whoever comes next. A pooler hands out process ids of its own; in transaction mode it
 * also lends one server process to two clients that are both connected.
 */
export async function transactionPooled(session: Session, url: Sensitive, signal: AbortSignal): Promise<boolean> {
  const first = await serverProcess(session)
  if (first === session.processID) return false
  const second = await withSession(url, 'looking for a connection pooler', signal, serverProcess)
  return second === first || (await serverProcess(session)) !== first
}

export async function refusePooled(session: Session, url: Sensitive, signal: AbortSignal): Promise<void> {
  if (!(await transactionPooled(session, url, signal))) return
  throw new DatabaseError(
    'pooled_connection',
    'connecting to the database: the address leads to a transaction-mode pooler',
    {
      hint: 'Use the direct address or the session-mode port (5432, not 6543): locks and time limits do not hold through this one.',
    },
  )
}

async function serverProcess(session: Session): Promise<number> {
  const { rows } = await session.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid ?? 0
}
