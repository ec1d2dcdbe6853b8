import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Sensitive } from '../../sensitive.ts'
import { DatabaseError, explain } from './errors.ts'

/** pg's own typings leave out what every client has once connected. */
export type Session = pg.Client & { readonly processID: number }

const connectLimitMs = 10_000
/** How long a cancelled statement may take to end on the server before its connection is cut. */
const cancelLimitMs = 5_000

/**
 * One connection for one piece of work, closed afterwards. On abort the running statement is cancelled on the server
 * (`pg` would only stop waiting for it), then the abort reason is thrown.
 */
export async function withSession<T>(
  url: Sensitive,
  doing: string,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const client = newClient(url)
  // Without a listener a connection that the server closes while idle would end the whole process.
  client.on('error', () => {})
  const over = new AbortController()
  let cancelling: Promise<void> | undefined
  const onAbort = (): void => {
    cancelling = cancel(url, client, over.signal)
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
async function cancel(url: Sensitive, client: Session, over: AbortSignal): Promise<void> {
  if (!client.processID) return destroy(client)
  // Work that looks at the signal itself is over at once; then no connection is needed.
  await sleep(20, undefined, { signal: over }).catch(() => {})
  if (over.aborted) return
  const helper = newClient(url)
  helper.on('error', () => {})
  const deadline = performance.now() + cancelLimitMs
  try {
    await helper.connect()
    while (!over.aborted && performance.now() < deadline) {
      await helper.query('select pg_cancel_backend($1)', [client.processID])
      await sleep(100, undefined, { signal: over }).catch(() => {})
    }
    if (!over.aborted) destroy(client)
  } catch {
    destroy(client)
  } finally {
    await helper.end().catch(() => {})
  }
}

function destroy(client: Session): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}
