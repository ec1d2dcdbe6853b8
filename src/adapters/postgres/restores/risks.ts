import type { Sensitive } from '../../../sensitive.ts'
import { DatabaseError } from '../errors.ts'
import { type Session, withSession } from '../connection/session.ts'
import { accessDifferences } from './access-check.ts'
import { outsideObjects } from './in-place/outside-objects.ts'
import { lockRisks, locksNeeded } from './in-place/locks-needed.ts'
import { onDatabase } from './new-database.ts'
import type { RisksAsked } from './port.ts'
import { whyNoRehearsal } from './in-place/rehearsal.ts'

/*
 * What a restore takes from those who hang on the database itself and not on its content: it is asked while the plan is made, as hours of
 * preparing may follow. Each is one sentence for the approvers.
 */

type Strategy = 'swap' | 'in-place'

const mostNamed = 5

export async function restoreRisks(
  url: Sensitive,
  backup: RisksAsked,
  strategy: Strategy,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const doing = 'asking what hangs on the database'
  const unrehearsed = strategy === 'in-place' ? await whyNoRehearsal(url, signal) : undefined
  return [
    ...(await withSession(url, doing, signal, (session) => foundIn(session, url, backup, strategy, signal)).catch(
      notSeen,
    )),
    ...(unrehearsed === undefined
      ? []
      : [`The restore in place can't be rehearsed before the service is stopped: ${unrehearsed}.`]),
    ...comparisonRisks(backup),
  ]
}

/** What nobody compares after the restore. */
function comparisonRisks({ access, by }: RisksAsked): readonly string[] {
  if (access !== undefined) return []
  return by === 'command'
    ? ['Owners and rights are as the restore command leaves them. Purser has nothing to compare them with.']
    : ["This backup doesn't say who owned what and who had which rights. They are restored, but not compared."]
}

async function foundIn(
  session: Session,
  url: Sensitive,
  backup: RisksAsked,
  strategy: Strategy,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return [
    ...(await replicationRisks(session, strategy)),
    ...(strategy === 'swap' ? await sessionRisks(session) : await inPlaceRisks(session, backup)),
    ...(await cronRisks(session, url, strategy, signal)),
    ...(await extensionRisks(session, strategy)),
  ]
}

/** What may not be looked at does not keep a database from being restored, but it is said. */
function notSeen(error: unknown): readonly string[] {
  if (!(error instanceof DatabaseError) || error.code !== 'permission_denied') throw error
  return [`Purser couldn't check what depends on the database: ${error.message}.`]
}

async function namesOf(session: Session, sql: string, values: readonly unknown[] = []): Promise<readonly string[]> {
  return (await session.query<{ name: string }>(sql, [...values])).rows.map(({ name }) => name)
}

function listed(names: readonly string[]): string {
  const more = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : ''
  return `${names.slice(0, mostNamed).join(', ')}${more}`
}

/** Who reads the changes of this database, and whose changes it reads. */
async function replicationRisks(session: Session, strategy: Strategy): Promise<readonly string[]> {
  const slots = await namesOf(
    session,
    `select slot_name || case when active then ' (in use)' else '' end as name from pg_replication_slots
     where database = current_database() order by 1`,
  )
  const subscriptions = await namesOf(
    session,
    `select subname as name from pg_subscription where subdbid = (select oid from pg_database where datname = current_database()) order by 1`,
  )
  const published = await namesOf(session, 'select pubname as name from pg_publication order by 1')
  const swap = strategy === 'swap'
  return [
    ...(slots.length === 0
      ? []
      : [
          swap
            ? `Replication slots stay with the previous database: ${listed(slots)}. Who reads them gets nothing more, and they hold back WAL.`
            : `Replication slots read this database: ${listed(slots)}. Whoever reads them gets every restored row as new.`,
        ]),
    ...(subscriptions.length === 0
      ? []
      : [
          swap
            ? `Subscriptions aren't restored and stay with the previous database: ${listed(subscriptions)}. Subscribe again afterwards.`
            : `Subscriptions write to this database: ${listed(subscriptions)}. Disable them first, and refresh them afterwards.`,
        ]),
    ...(published.length === 0 || slots.length > 0
      ? []
      : [`Subscribers of these publications have to be synchronised again: ${listed(published)}.`]),
  ]
}

/** Sessions that a swap has to end. What ended may connect again, but for those who may not be ended. */
async function sessionRisks(session: Session): Promise<readonly string[]> {
  const { rows } = await session.query<{ name: string; may: boolean; client: boolean }>(
    `select format('%s (pid %s, %s)', coalesce(nullif(a.application_name, ''), a.backend_type, 'unknown'), a.pid, coalesce(a.usename, 'no user')) as name,
       coalesce(a.backend_type, 'client backend') = 'client backend' as client,
       me.rolsuper or (not coalesce(r.rolsuper, true)
         and (pg_has_role(current_user, 'pg_signal_backend', 'USAGE') or pg_has_role(current_user, a.usesysid, 'USAGE'))) as may
     from pg_stat_activity a left join pg_roles r on r.oid = a.usesysid, pg_roles me
     where a.datname = current_database() and a.pid <> pg_backend_pid() and me.rolname = current_user
       and coalesce(a.backend_type, '') not in ('autovacuum worker', 'parallel worker') order by 1`,
  )
  const stay = rows.filter(({ may }) => !may).map(({ name }) => name)
  const workers = rows.filter(({ may, client }) => may && !client).map(({ name }) => name)
  return [
    ...(stay.length === 0
      ? []
      : [`Purser isn't allowed to end these sessions, and the swap waits for them: ${listed(stay)}.`]),
    ...(workers.length === 0
      ? []
      : [`The swap ends what works in the database by itself: ${listed(workers)}. Check that it is back.`]),
  ]
}

/** Rights of schemas and default privileges, which a restore in place finds and does not make. */
async function inPlaceRisks(session: Session, backup: RisksAsked): Promise<readonly string[]> {
  const locks = [...lockRisks(await locksNeeded(session, backup)), ...(await outsideRisks(session, backup.schemas))]
  if (backup.access === undefined) return locks
  const different = await namesOf(
    session,
    `select line as name from (${accessDifferences(backup, 'everything')}) different
     where line ~ '^(schema|default privileges of) ' and line !~ ': not there, in the backup |, in the backup not there$'`,
  )
  const theirs = await namesOf(
    session,
    `select 'schema ' || quote_ident(nspname) as name from pg_namespace where not pg_has_role(current_user, nspowner, 'USAGE')`,
  )
  return [
    ...locks,
    ...different.map((line) =>
      line.startsWith('schema ') && !theirs.some((name) => line.startsWith(`${name}: `))
        ? `Rights of a schema go back: ${line}.`
        : `Rights stay as they are now: ${line}.`,
    ),
  ]
}

/** What other schemas have made of the restored ones. */
async function outsideRisks(session: Session, schemas: readonly string[] | undefined): Promise<readonly string[]> {
  if (schemas === undefined) return []
  const remade = await namesOf(
    session,
    `select name from (${outsideObjects(schemas)}) outside where remade and cardinality(statements) > 0 order by 1`,
  )
  return remade.length === 0 ? [] : [`What other schemas have is dropped and made again: ${listed(remade)}.`]
}

/** Jobs of pg_cron name their database, whichever has the name when they run. */
async function cronRisks(
  session: Session,
  url: Sensitive,
  strategy: Strategy,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { rows } = await session.query<{ home: string | null; live: string }>(
    `select nullif(current_setting('cron.database_name', true), '') as home, current_database() as live`,
  )
  const { home, live } = rows[0] ?? { home: null, live: '' }
  const here = (await namesOf(session, `select 'there' as name where to_regclass('cron.job') is not null`)).length > 0
  if (here) {
    const jobs = await jobsIn(session, undefined).catch(() => undefined)
    const many = jobs === undefined ? 'how many is not known' : `${jobs} now`
    return [
      strategy === 'swap'
        ? `pg_cron keeps its jobs in this database (${many}). Afterwards those of the backup run.`
        : `pg_cron keeps its jobs in this database (${many}). They stay, and may run during the restore.`,
    ]
  }
  if (home === null || home === live) return []
  try {
    const there = onDatabase(url, home)
    const jobs = await withSession(there, `looking at the jobs of pg_cron in ${home}`, signal, (other) =>
      jobsIn(other, live),
    )
    return jobs === 0
      ? []
      : [`${jobs} jobs of pg_cron in ${home} work in this database. They may fail or run during the restore.`]
  } catch {
    signal.throwIfAborted()
    return [`pg_cron keeps its jobs in ${home}. Purser couldn't check whether some work in this database.`]
  }
}

async function jobsIn(session: Session, database: string | undefined): Promise<number> {
  const { rows } = await session.query<{ jobs: number }>(
    'select count(*)::int as jobs from cron.job where active and ($1::text is null or database = $1)',
    [database ?? null],
  )
  return rows[0]?.jobs ?? 0
}

/** In place extensions stay, with the rows of their own that a dump of them would have (pg_extension.extconfig). */
async function extensionRisks(session: Session, strategy: Strategy): Promise<readonly string[]> {
  if (strategy === 'swap') return []
  const names = await namesOf(
    session,
    `select extname as name from pg_extension where cardinality(extconfig) > 0 order by 1`,
  )
  return names.length === 0 ? [] : [`Rows that these extensions keep stay as they are now: ${listed(names)}.`]
}
