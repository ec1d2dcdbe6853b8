import type { Sensitive } from '../../../../sensitive.ts'
import { accessQuery } from '../../backups/access.ts'
import { toolsForServer } from '../../connection/client-tools.ts'
import { transactionPooled } from '../../connection/pooling.ts'
import { type Session, withSession } from '../../connection/session.ts'
import { runTool } from '../../connection/tools.ts'
import { whyRolesLack } from '../archived-roles.ts'
import { locksNeeded, whyTooManyLocks } from './locks-needed.ts'
import { outsideObjects, refused } from './outside-objects.ts'
import type { BackupInPlace } from '../port.ts'
import { whyPreparedTransactions } from '../prepared-transactions.ts'

interface Place {
  readonly url: Sensitive
  readonly toolDirectories: readonly string[] | undefined
}

const mostNamed = 5

/**
 * Tells why a backup cannot be restored into the live database itself; undefined when it can. It is asked of the catalogs: to try it in
 * the database would lock every table of a service that is serving.
 */
export async function whyNotInPlace(
  { url, toolDirectories }: Place,
  backup: BackupInPlace,
  signal: AbortSignal,
): Promise<string | undefined> {
  const doing = 'asking whether the database can be restored in place'
  const problem = await withSession(url, doing, signal, async (session) => {
    if (await transactionPooled(session, url, signal)) return 'the address leads to a transaction-mode pooler'
    return (
      (await whyStandby(session)) ??
      (await whyNoPlace(session)) ??
      (await whyNotDropped(session, backup.schemas)) ??
      (await whyNotMade(session, backup.schemas)) ??
      (await whyNotPublished(session, backup.schemas)) ??
      (await whyRolesLack(session, backup.access ?? [])) ??
      (await whyPreparedTransactions(session)) ??
      (backup.schemas === undefined ? undefined : await whatHangsOn(session, backup.schemas)) ??
      whyTooManyLocks(await locksNeeded(session, backup))
    )
  })
  if (problem !== undefined) return problem
  const { directory } = await toolsForServer(url, toolDirectories, signal)
  const asked = await runTool(
    { program: 'psql', directory, args: ['--version'], doing, cwd: '/', timeoutMs: 10_000 },
    signal,
  ).catch(() => undefined)
  return asked?.exitCode === 0 ? undefined : 'psql is not installed beside pg_restore'
}

async function whyStandby(session: Session): Promise<string | undefined> {
  const { rows } = await session.query<{ standby: boolean }>('select pg_is_in_recovery() as standby')
  return rows[0]?.standby ? 'this server is a standby' : undefined
}

/** Meanwhile temporary tables are made, and at the end a schema for Purser's mark. */
async function whyNoPlace(session: Session): Promise<string | undefined> {
  const { rows } = await session.query<{ temporary: boolean; create: boolean; user: string }>(
    `select has_database_privilege(current_database(), 'temporary') as temporary,
       has_database_privilege(current_database(), 'create') as "create", current_user::text as user`,
  )
  const [found] = rows
  if (found === undefined || (found.temporary && found.create)) return undefined
  return `${found.user} isn't allowed to ${found.create ? 'make temporary tables' : 'create schemas'} in the database`
}

/** Names what belongs to others: whoever owns neither an object nor its schema may not drop it. */
async function whyNotDropped(session: Session, schemas: readonly string[] | undefined): Promise<string | undefined> {
  const { rows } = await session.query<{ object: string; user: string }>(
    `select object, current_user::text as user from (${accessQuery(schemas)}) access
     where not droppable and object !~ '^(schema|default privileges of) ' order by 1`,
  )
  return rows[0] && `${rows[0].user} does not own ${named(rows.map(({ object }) => object))}`
}

/** Names what only superusers can make again, for a role that is none. */
async function whyNotMade(session: Session, schemas: readonly string[] | undefined): Promise<string | undefined> {
  const own = (catalog: string, oid: string) => `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and ($1::text[] is null or n.nspname = any($1))
    and not exists (select from pg_depend where classid = '${catalog}'::regclass and objid = ${oid} and deptype = 'e')`
  const { rows } = await session.query<{ object: string; user: string }>(
    `select object, current_user::text as user from (
       select pg_describe_object('pg_event_trigger'::regclass, e.oid, 0) as object
       from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid join pg_namespace n on n.oid = p.pronamespace where ${own('pg_proc', 'p.oid')}
       union all
       select pg_describe_object('pg_proc'::regclass, p.oid, 0)
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
       where (not l.lanpltrusted or p.proleakproof) and ${own('pg_proc', 'p.oid')}
       union all
       select pg_describe_object('pg_opclass'::regclass, o.oid, 0)
       from pg_opclass o join pg_namespace n on n.oid = o.opcnamespace where ${own('pg_opclass', 'o.oid')}) made
     where not (select rolsuper from pg_roles where rolname = current_user) order by 1`,
    [schemas ?? null],
  )
  return (
    rows[0] && `only a superuser can make again ${named(rows.map(({ object }) => object))}, and ${rows[0].user} is none`
  )
}

/** A table that is made again has to be put into its publications again, which only their owners may. */
async function whyNotPublished(session: Session, schemas: readonly string[] | undefined): Promise<string | undefined> {
  const { rows } = await session.query<{ table: string; publication: string; user: string }>(
    `select format('%I.%I', n.nspname, c.relname) as "table", pubname as publication, current_user::text as user
     from pg_publication_rel m join pg_publication p on p.oid = m.prpubid join pg_class c on c.oid = m.prrelid
       join pg_namespace n on n.oid = c.relnamespace
     where not pg_has_role(current_user, pubowner, 'USAGE') and ($1::text[] is null or n.nspname = any($1)) order by 1 limit 1`,
    [schemas ?? null],
  )
  const [first] = rows
  return (
    first &&
    `${first.user} does not own publication ${first.publication}, which ${first.table} would have to be added to again`
  )
}

/** A backup of some schemas does not have what others have made of them: emptying would drop what can't be made again. */
async function whatHangsOn(session: Session, schemas: readonly string[]): Promise<string | undefined> {
  const { rows } = await session.query<{ name: string }>(
    `select name from (${outsideObjects(schemas)}) outside where ${refused} order by 1`,
  )
  if (rows.length === 0) return undefined
  return `it would drop what depends on ${schemas.join(', ')} from outside: ${named(
    rows.map(({ name }) => name),
    '; ',
  )}`
}

function named(objects: readonly string[], between = ', '): string {
  const more = objects.length > mostNamed ? `, and ${objects.length - mostNamed} more` : ''
  return `${objects.slice(0, mostNamed).join(between)}${more}`
}
