import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Sensitive } from '../../../sensitive.ts'
import { requestCancel } from './cancel-request.ts'
import { DatabaseError, explain } from '../errors.ts'
import { ownSignal } from '../../../time-limit.ts'

/** A connected client, with what pg's own typings leave out. */
export type Session = pg.Client & { readonly processID: number; readonly secretKey: number }

const connectLimitMs = 10_000
/** The time within which a cancelled statement must end on the server before its connection is cut. */
const cancelLimitMs = 5_000

/**
 * Lends one connection for one piece of work and closes it afterwards. On abort the running statement is cancelled on
 * the server (`pg` would only stop waiting for it), then the abort reason is thrown.
 */
export async function withSession<T>(
  url: Sensitive,
  doing: string,
  shared: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  shared.throwIfAborted()
  const client = newSession(url)
  try {
    return await lent(client, doing, shared, async (session) => {
      await session.connect()
      shared.throwIfAborted()
      return work(session)
    })
  } finally {
    await client.end().catch(() => {})
  }
}

/** Lends a connection for one piece of work and does not close it. On abort it does what `withSession` does. */
export async function lent<T>(
  client: Session,
  doing: string,
  shared: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  shared.throwIfAborted()
  const signal = ownSignal(shared)
  const over = new AbortController()
  let cancelling: Promise<void> | undefined
  const onAbort = (): void => {
    cancelling = cancel(client, over.signal)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await work(client)
  } catch (error) {
    signal.throwIfAborted()
    throw explain(doing, error)
  } finally {
    over.abort()
    signal.removeEventListener('abort', onAbort)
    await cancelling
  }
}

/** Lends a connection like `withSession` for work that takes as long as it takes: making, comparing and analyzing a database. */
export function withLongSession<T>(
  url: Sensitive,
  doing: string,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return withSession(url, doing, signal, async (session) => {
    await liftLimits(session)
    return work(session)
  })
}

/**
 * Lifts the limits that a role or a database has for ordinary sessions; the signal's hold. Through a transaction-mode pooler it would lift
 * them for whoever comes next. Where the server or the database is read only, and not the role, somebody means it now.
 */
export async function liftLimits(session: Session): Promise<void> {
  // Which of them there are differs between the majors.
  await session.query(`select set_config(name, '0', false) from pg_settings where name in ('statement_timeout', 'lock_timeout',
      'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout');
    select set_config(name, 'off', false) from pg_settings
      where name = 'default_transaction_read_only' and source in ('user', 'database user')`)
}

/** A connection that is not open yet. Raises DatabaseError where the address is none. */
export function newSession(url: Sensitive): Session {
  try {
    const client = new pg.Client({
      connectionString: url.reveal(),
      application_name: 'purser',
      connectionTimeoutMillis: connectLimitMs,
      keepAlive: true,
    })
    // Unless somebody listens, a connection that the server closes while idle would end the whole process.
    client.on('error', () => {})
    return client as Session
  } catch {
    // The parser's message would quote the address, password and all.
    throw new DatabaseError('database_address', 'reading the database address: it is not a postgresql:// address')
  }
}

/** Cancels what the session is doing until its work is over: between two statements there is nothing to cancel yet. */
async function cancel(client: Session, over: AbortSignal): Promise<void> {
  if (!client.processID) return destroy(client)
  const deadline = performance.now() + cancelLimitMs
  for (;;) {
    // Work that looks at the signal itself is over at once; then nothing needs to be sent.
    await sleep(25, undefined, { signal: over }).catch(() => {})
    if (over.aborted) return
    if (performance.now() > deadline) return destroy(client)
    await requestCancel(client)
    await sleep(75, undefined, { signal: over }).catch(() => {})
  }
}

function destroy(client: Session): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}
