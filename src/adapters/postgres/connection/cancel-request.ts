import { once } from 'node:events'
import { connect } from 'node:net'
import type pg from 'pg'

/** What `pg` knows of the server's end of a session and its typings leave out. */
interface CancelKey {
  readonly processID: number | null
  readonly secretKey: number | null
}

const cancelCode = 80_877_102
const limitMs = 3_000

/**
 * Asks the server to cancel what a session is running: PostgreSQL's own message for it, on a connection of its own.
 * It needs no login, also works when all connections are taken, and poolers pass it on to the right server process,
 * which `pg_cancel_backend` could not: a pooler makes up the process ids. It is not confirmed.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export async function requestCancel(client: pg.Client & CancelKey): Promise<void> {
  const { processID, secretKey, host, port } = client
  if (processID === null || secretKey === null) return
  const message = Buffer.alloc(16)
  message.writeInt32BE(16, 0)
  message.writeInt32BE(cancelCode, 4)
  message.writeInt32BE(processID, 8)
  message.writeInt32BE(secretKey, 12)
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
  socket.setTimeout(limitMs, () => socket.destroy())
  socket.on('error', () => {})
  socket.end(message)
  socket.resume()
  await once(socket, 'close')
}
