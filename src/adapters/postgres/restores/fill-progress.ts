import { setTimeout as sleep } from 'node:timers/promises'
import type { Sensitive } from '../../../sensitive.ts'
import { withSession } from '../connection/session.ts'

const everyMs = 1_000

/**
 * The server's own count of what is filled and built in a database. The name of what a transaction has just made is known to nobody
 * else yet, so it may be a number. https://www.postgresql.org/docs/current/progress-reporting.html
 */
const underWay = `
  select format('filling %s, %s rows', relid::regclass, tuples_processed) as line
  from pg_stat_progress_copy where datname = current_database() and command = 'COPY FROM'
  union all
  select format('building index %s, %s blocks and %s rows', index_relid::regclass, blocks_done, tuples_done)
  from pg_stat_progress_create_index where datname = current_database()
  order by 1`

/**
 * Tells once a second, while `work` lasts, what the server has filled and built, whenever that has changed: pg_restore itself is silent
 * for as long as one table takes. A look that fails tells nothing.
 */
export async function whileFilling<T>(
  url: Sensitive,
  onProgress: (line: string) => void,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const watching = watch(url, onProgress, AbortSignal.any([signal, over.signal]))
  try {
    return await work()
  } finally {
    over.abort()
    await watching
  }
}

async function watch(url: Sensitive, onProgress: (line: string) => void, signal: AbortSignal): Promise<void> {
  let said = ''
  await withSession(url, 'watching the restore', signal, async (session) => {
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal })
      const { rows } = await session.query<{ line: string }>(underWay)
      const line = rows.map((row) => row.line).join('; ')
      if (line === '' || line === said) continue
      said = line
      onProgress(line)
    }
  }).catch(() => undefined)
}
