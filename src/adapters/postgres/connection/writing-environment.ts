import type { Sensitive } from '../../../sensitive.ts'
import { libpqEnvironment } from './libpq.ts'
import { withSession } from './session.ts'

/**
 * Turns a database address into environment for programs that write. `pg_dump` and `pg_restore` lift the time limits of a role
 * themselves, but not that its sessions only read by default. Only then something is said: not every pooler takes options.
 */
export async function writingEnvironment(url: Sensitive, signal: AbortSignal): Promise<Record<string, string>> {
  const env = libpqEnvironment(url)
  const readsOnly = await withSession(url, 'asking for the settings of the role', signal, async (session) => {
    const { rows } = await session.query(
      `select from pg_settings where name = 'default_transaction_read_only' and setting = 'on' and source in ('user', 'database user')`,
    )
    return rows.length > 0
  })
  if (!readsOnly) return env
  return { ...env, PGOPTIONS: `${env['PGOPTIONS'] ?? ''} -c default_transaction_read_only=off`.trim() }
}
