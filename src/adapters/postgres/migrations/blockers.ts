import { excerpt } from '../../../outside-text/excerpt.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sensitive } from '../../../sensitive.ts'
import type { BlockingSession, MigrationLock } from '../port.ts'
import { type Session, withSession } from '../connection/session.ts'

interface BlockerWatch {
  /** Tells who was in the way when somebody last was, one line each. */
  seen(): Promise<readonly string[]>
  close(): Promise<void>
}

/**
 * Looks from a second connection who blocks a session: once its statement has timed out, nobody can tell any more.
 * It is an observer only; when it cannot connect, the blockers stay unnamed.
 */
export async function watchBlockers(
  url: Sensitive,
  processID: number,
  { everyMs, onBlocked }: { everyMs: number; onBlocked?: (session: Session) => Promise<void> },
): Promise<BlockerWatch> {
  const over = new AbortController()
  let last: readonly string[] = []
  const watching = withSession(url, 'watching for blocking sessions', over.signal, async (session) => {
    for (;;) {
      await sleep(everyMs, undefined, { signal: over.signal })
      const now = await blockersOf(session, processID)
      if (now.length > 0) last = now
      if (now.length > 0) await onBlocked?.(session)
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

interface Activity {
  readonly pid: number
  readonly who: string
  readonly user: string
  readonly state: string
  readonly seconds: number
  readonly query: string
}

const activity = `a.pid, a.usename::text as user, coalesce(nullif(a.application_name, ''), a.usename::text) as who, a.state,
  extract(epoch from now() - coalesce(a.xact_start, a.state_change))::int as seconds, left(a.query, 2000) as query`

async function blockersOf(session: Session, processID: number): Promise<readonly string[]> {
  const { rows } = await session.query<Activity>(
    `select ${activity} from pg_stat_activity a where a.pid = any (pg_blocking_pids($1))`,
    [processID],
  )
  return rows.map(lineOf)
}

const worthNaming = 5

/**
 * Finds transactions of others that have held, for longer than a moment, what a migration with these locks has to wait
 * for.
 */
export async function blockingSessions(
  session: Session,
  locks: readonly Pick<MigrationLock, 'table' | 'mode'>[],
): Promise<readonly BlockingSession[]> {
  const { rows } = await session.query<Activity & { readonly table: string }>(
    `select distinct on (a.xact_start, a.pid) wanted.name as table, ${activity}
     from unnest($1::text[], $2::bool[]) as wanted (name, even_readers)
       join lateral (select relid from pg_partition_tree(to_regclass(wanted.name)) union select to_regclass(wanted.name)) t on true
       join pg_locks l on l.relation = t.relid and l.granted
         and l.database = (select oid from pg_database where datname = current_database())
       join pg_stat_activity a on a.pid = l.pid
     where (wanted.even_readers or l.mode not in ('AccessShareLock', 'RowShareLock'))
       and a.pid <> pg_backend_pid() and a.xact_start < now() - make_interval(secs => $3)
     order by a.xact_start, a.pid limit 20`,
    [locks.map(({ table }) => table), locks.map(({ mode }) => mode === 'ACCESS EXCLUSIVE'), worthNaming],
  )
  return rows.map((row) => ({ ...row, query: shown(row.query) }))
}

/** Ends whoever blocks the session at this moment, as far as Purser's role may. Tells who was ended, one line each. */
export async function endBlockersOf(session: Session, processID: number): Promise<readonly string[]> {
  const { rows } = await session.query<Activity & { readonly ended: boolean }>(
    `select ${activity}, pg_terminate_backend(a.pid) as ended from pg_stat_activity a
     where a.pid = any (pg_blocking_pids($1)) and a.backend_type = 'client backend'`,
    [processID],
  )
  return rows.filter(({ ended }) => ended).map(lineOf)
}

function lineOf({ pid, who, state, seconds, query }: Activity): string {
  return `pid ${pid} (${who}, ${state} for ${seconds} s): ${shown(query)}`
}

/** Shows one line of a query without its literals: they are customers' data. */
function shown(query: string): string {
  const bare = query
    // One pass reads it, as the server does: a quote inside one kind of literal begins none of another kind.
    .replaceAll(/\$(\w*)\$[\s\S]*?(?:\$\1\$|$)|\be'(?:[^'\\]|''|\\[\s\S])*(?:'|$)|'(?:[^']|'')*(?:'|$)/gi, '?')
    .replaceAll(/(?<![$\w])\d+(?:\.\d+)?\b/g, '?')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return excerpt(bare, 80)
}
