import { setTimeout as sleep } from 'node:timers/promises'
import type { Sensitive } from '../../sensitive.ts'
import { withSession, type Session } from './session.ts'

export interface BlockerWatch {
  /** Who stood in the way when somebody last did, one line each. */
  seen(): Promise<readonly string[]>
  close(): Promise<void>
}

/**
 * Looks from a second connection who blocks a session: once its statement has timed out, nobody can tell any more.
 * It is an observer only; when it cannot connect, the blockers stay unnamed.
 */
export async function watchBlockers(url: Sensitive, processID: number, everyMs: number): Promise<BlockerWatch> {
  const over = new AbortController()
  let last: readonly string[] = []
  const watching = withSession(url, 'watching for blocking sessions', over.signal, async (session) => {
    for (;;) {
      await sleep(everyMs, undefined, { signal: over.signal })
      const now = await blockersOf(session, processID)
      if (now.length > 0) last = now
    }
  }).catch(() => {})
  return {
    seen: async () => last,
    async close() {
      over.abort()
      await watching
    },
  }
}

async function blockersOf(session: Session, processID: number): Promise<readonly string[]> {
  const { rows } = await session.query<{ line: string }>(
    `select format('pid %s (%s, %s for %s s): %s', pid, coalesce(nullif(application_name, ''), usename::text), state,
       extract(epoch from now() - coalesce(xact_start, state_change))::int,
       left(regexp_replace(regexp_replace(query, '''[^'']*''', '?', 'g'), '\\s+', ' ', 'g'), 80)) as line
     from pg_stat_activity where pid = any (pg_blocking_pids($1))`,
    [processID],
  )
  return rows.map((row) => row.line)
}
