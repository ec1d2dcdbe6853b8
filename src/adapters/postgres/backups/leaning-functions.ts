import type { Session } from '../connection/session.ts'
import { unqualifiedIn } from '../grammar/unqualified.ts'
import type { Schemas } from './contents.ts'
import type { LeaningFunction } from './port.ts'

interface Candidate {
  readonly name: string
  readonly schema: string
  readonly usedBy: string
  readonly language: string
  readonly body: string
  readonly definition: string
}

/** The most that are read; there are few, and each is parsed. */
const mostRead = 200

/**
 * What is computed while a dump is restored: indexes, the rows of materialized views, generated columns, checks. `pg_dump` sets an empty
 * search_path for all of it. Functions that are called by those functions are not followed.
 */
const candidatesQuery = `
  with users as (
    select 'pg_class'::regclass as class, c.oid as object, c.relnamespace as schema, format('index %s', c.relname) as words from pg_class c where c.relkind = 'i'
    union all select 'pg_rewrite'::regclass, r.oid, c.relnamespace, format('materialized view %s', c.relname)
      from pg_rewrite r join pg_class c on c.oid = r.ev_class where c.relkind = 'm'
    union all select 'pg_attrdef'::regclass, d.oid, c.relnamespace, format('generated column %s.%s', c.relname, a.attname)
      from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum and a.attgenerated <> '' join pg_class c on c.oid = d.adrelid
    union all select 'pg_constraint'::regclass, k.oid, k.connamespace, format('check %s', k.conname) from pg_constraint k where k.contype = 'c')
  select distinct on (p.oid) p.oid::regprocedure::text as name, quote_ident(n.nspname) as schema, u.words as "usedBy",
    l.lanname as language, p.prosrc as body, pg_get_functiondef(p.oid) as definition
  from users u join pg_depend d on d.classid = u.class and d.objid = u.object and d.refclassid = 'pg_proc'::regclass
    join pg_proc p on p.oid = d.refobjid and p.prokind = 'f' and p.prosqlbody is null
    join pg_language l on l.oid = p.prolang and l.lanname in ('sql', 'plpgsql')
    join pg_namespace n on n.oid = p.pronamespace
  where not exists (select from unnest(p.proconfig) as set where set like 'search\\_path=%')
    and not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')
    and ($1::text[] is null or u.schema in (select oid from pg_namespace where nspname = any($1)))
  order by p.oid, u.words limit ${mostRead}`

/** Names that exist, but not where an empty search_path looks. */
const missingQuery = `
  select name from unnest($1::text[]) as name where exists (select from pg_proc where proname = name)
    and not exists (select from pg_proc where proname = name and pronamespace = 'pg_catalog'::regnamespace)
  union all select name from unnest($2::text[]) as name where exists (select from pg_class where relname = name)
    and not exists (select from pg_class where relname = name and relnamespace = 'pg_catalog'::regnamespace)
  union all select name from unnest($3::text[]) as name where exists (select from pg_type where typname = name)
    and not exists (select from pg_type where typname = name and typnamespace = 'pg_catalog'::regnamespace)
  limit 1`

/** Finds functions that would keep a backup from being restored, as far as the catalog and their own text say. */
export async function leaningFunctions(session: Session, schemas: Schemas): Promise<readonly LeaningFunction[]> {
  await session.query(`set search_path = ''`)
  const { rows } = await session.query<Candidate>(candidatesQuery, [schemas ?? null])
  const leaning: LeaningFunction[] = []
  for (const { name, schema, usedBy, language, body, definition } of rows) {
    const { functions, relations, types } = await unqualifiedIn(language, body, definition)
    const { rows: found } = await session.query<{ name: string }>(missingQuery, [functions, relations, types])
    if (found[0] !== undefined) leaning.push({ name, schema, usedBy, missing: found[0].name })
  }
  return leaning
}
