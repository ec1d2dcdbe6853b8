import type { Session } from '../../connection/session.ts'
import type { BackupManifest } from '../../backups/port.ts'

/*
 * One transaction that drops and makes everything holds a lock for each object until its end. The server's table of locks has room for
 * max_locks_per_transaction × (max_connections + max_prepared_transactions), and for somewhat more where shared memory is left over:
 * measured on 15 and 18, at default settings, up to twice as many.
 */

interface Locks {
  readonly needed: number
  /** What there is surely room for. */
  readonly room: number
  readonly most: number
}

/** A factor beyond which no server had room. */
const atMost = 2

/** The server's own relations that such a transaction reads and writes; measured: about 200. */
const catalogs = 200

/** Estimates the locks of a restore in place: what is dropped now, and about as many relations and functions that are made. */
export async function locksNeeded(
  session: Session,
  { schemas, rows: counted }: Pick<BackupManifest, 'schemas'> & Partial<Pick<BackupManifest, 'rows'>>,
): Promise<Locks> {
  const { rows } = await session.query<{
    objects: string
    relations: string
    large: string
    room: string
    most: string
  }>(
    `with own as (
       select c.oid, c.relkind, c.reltoastrelid from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
         and ($1::text[] is null or n.nspname = any($1))
         and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
     ), relations as (
       select oid from own union all select indexrelid from pg_index where indrelid in (select oid from own)
       union all select reltoastrelid from own where reltoastrelid <> 0
       union all select indexrelid from pg_index where indrelid in (select reltoastrelid from own where reltoastrelid <> 0)
     ), routines as (
       select p.oid from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and ($1::text[] is null or n.nspname = any($1))
         and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
     )
     select (select count(*) from relations) + (select count(*) from routines) as relations,
       -- The type of a row and that of its arrays.
       (select 2 * count(*) from own where relkind <> 'S') + (select count(*) from pg_attrdef where adrelid in (select oid from own))
       + (select count(*) from pg_constraint where conrelid in (select oid from own))
       + (select count(*) from pg_trigger where tgrelid in (select oid from own))
       + (select count(*) from pg_policy where polrelid in (select oid from own))
       + (select count(*) from pg_rewrite where ev_class in (select oid from own)) as objects,
       (select count(*) from pg_largeobject_metadata) as large,
       current_setting('max_locks_per_transaction')::bigint
         * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint) as room,
       current_setting('max_locks_per_transaction') as most`,
    [schemas ?? null],
  )
  const [found] = rows
  const [relations, objects, room, most] = [found?.relations, found?.objects, found?.room, found?.most].map(Number)
  const archived = counted?.find(({ table }) => table === 'pg_catalog.pg_largeobject_metadata')?.rows ?? 0
  // Those that are there and come back have one number, and one lock.
  const large = Math.max(archived, schemas === undefined ? Number(found?.large) : 0)
  return { needed: catalogs + 2 * (relations ?? 0) + (objects ?? 0) + large, room: room ?? 0, most: most ?? 0 }
}

/** Tells why so many locks cannot be held at once; undefined when they can, or may be. */
export function whyTooManyLocks({ needed, room, most }: Locks): string | undefined {
  if (needed <= atMost * room) return undefined
  const enough = Math.ceil((most * needed) / room)
  return `it takes about ${needed} locks at once, the server has room for ${room} (raise max_locks_per_transaction from ${most} to ${enough})`
}

/** What a plan says where the locks may not suffice. */
export function lockRisks({ needed, room, most }: Locks): readonly string[] {
  if (needed <= room) return []
  return [
    `In place it takes about ${needed} locks at once. The server surely has room for ${room} (\`max_locks_per_transaction = ${most}\`). ` +
      'With too few it is rolled back, after the service was stopped.',
  ]
}
