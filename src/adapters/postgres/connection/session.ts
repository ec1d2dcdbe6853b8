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
  const signal = ownSignal(shared)
  const client = newClient(url)
  // Unless somebody listens, a connection that the server closes while idle would end the whole process.
  client.on('error', () => {})
  const over = new AbortController()
  let cancelling: Promise<void> | undefined
  const onAbort = (): void => {
    cancelling = cancel(client, over.signal)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await client.connect()
    signal.throwIfAborted()
    return await work(client)
  } catch (error) {
    signal.throwIfAborted()
    throw explain(doing, error)
  } finally {
    over.abort()
    signal.removeEventListener('abort', onAbort)
    await cancelling
    await client.end().catch(() => {})
  }
}

/**
 * Lends a connection like `withSession` for work that takes as long as it takes: making, comparing and analyzing a database. The limits
 * that a role or a database has for its ordinary statements do not hold there; the signal's do.
 */
export function withLongSession<T>(
  url: Sensitive,
  doing: string,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return withSession(url, doing, signal, async (session) => {
    // Which of them there are differs between the majors.
    await session.query(`select set_config(name, '0', false) from pg_settings where name in ('statement_timeout', 'lock_timeout',
      'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')`)
    return work(session)
  })
}

function newClient(url: Sensitive): Session {
  try {
    return new pg.Client({
      connectionString: url.reveal(),
      application_name: 'purser',
      connectionTimeoutMillis: connectLimitMs,
      keepAlive: true,
    }) as Session
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
