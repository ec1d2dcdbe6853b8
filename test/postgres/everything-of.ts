import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { libpqEnvironment } from '../../src/adapters/postgres/connection/libpq.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask } from '../support/postgres.ts'

/**
 * Everything that a restore may lose, as PostgreSQL's own tools and catalogs tell it: `pg_dump` of all schemas (rows, owners, ACLs, comments),
 * and beside it what belongs to the database as a whole or what a dump writes in several ways.
 */
export async function everythingOf(url: string): Promise<Record<string, unknown>> {
  return {
    database: await ask(url, database),
    settings: await ask(url, settings),
    defaultPrivileges: await ask(url, defaultPrivileges),
    access: await ask(url, access),
    eventTriggers: await ask(url, eventTriggers),
    publications: await ask(url, publications),
    extensions: await ask(
      url,
      'select extname, extversion, extnamespace::regnamespace::text from pg_extension order by 1',
    ),
    dump: await dumpOf(url),
  }
}

/** What `pg_dump` writes, without its random `\restrict` key. */
async function dumpOf(url: string): Promise<string> {
  const env = { ...process.env, ...libpqEnvironment(new Sensitive(url)) }
  const { stdout } = await promisify(execFile)('pg_dump', ['--no-password'], { env, maxBuffer: 500_000_000 })
  return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '')
}

/** Ordered, as the order within a list has no meaning. */
const list = (acl: string) => `array(select a::text from unnest(${acl}) a order by 1)`
const database = `
  select datname, pg_get_userbyid(datdba) as owner, pg_encoding_to_char(encoding) as encoding, datcollate, datctype,
    coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') as provider, coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') as locale,
    to_jsonb(d) ->> 'daticurules' as rules, spcname as tablespace, datistemplate, datallowconn, datconnlimit,
    ${list("coalesce(datacl, acldefault('d', datdba))")} as acl, shobj_description(d.oid, 'pg_database') as comment,
    (select json_agg(json_build_array(provider, label)) from pg_shseclabel where classoid = 'pg_database'::regclass and objoid = d.oid) as labels
  from pg_database d join pg_tablespace t on t.oid = dattablespace where datname = current_database()`

const settings = `
  select case setrole when 0 then '' else setrole::regrole::text end as role, unnest(setconfig) as setting from pg_db_role_setting
  where setdatabase = (select oid from pg_database where datname = current_database()) order by 1, 2`

const defaultPrivileges = `
  select defaclrole::regrole::text as role, coalesce(defaclnamespace::regnamespace::text, '') as schema, defaclobjtype as type,
    array(select a::text from unnest(defaclacl) a order by 1) as acl
  from pg_default_acl order by 1, 2, 3`

const access = `
  select c.oid::regclass::text as object, relowner::regrole::text as owner, ${list("coalesce(relacl, acldefault(case relkind when 'S' then 's'::\"char\" else 'r' end, relowner))")} as acl
    from pg_class c where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and relnamespace >= 16384 or relnamespace = 'public'::regnamespace and relkind <> 'i'
  union all select format('%s.%I', attrelid::regclass, attname), '', ${list('attacl')} from pg_attribute where attacl is not null and attrelid >= 16384
  union all select p.oid::regprocedure::text, proowner::regrole::text, ${list("coalesce(proacl, acldefault('f', proowner))")}
    from pg_proc p where pronamespace >= 16384 or pronamespace = 'public'::regnamespace
  union all select t.oid::regtype::text, typowner::regrole::text, ${list("coalesce(typacl, acldefault('T', typowner))")}
    from pg_type t where (typnamespace >= 16384 or typnamespace = 'public'::regnamespace) and typtype <> 'c' and typcategory <> 'A'
  union all select nspname, nspowner::regrole::text, ${list("coalesce(nspacl, acldefault('n', nspowner))")}
    from pg_namespace where nspname !~ '^pg_'
  union all select oid::text, lomowner::regrole::text, ${list("coalesce(lomacl, acldefault('L', lomowner))")} from pg_largeobject_metadata
  order by 1, 2, 3`

const eventTriggers = `
  select evtname, evtevent, evtowner::regrole::text as owner, evtfoid::regproc::text as function, evtenabled, evttags
  from pg_event_trigger order by 1`

const publications = `
  select p.pubname, pubowner::regrole::text as owner, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, t.schemaname, t.tablename,
    (select string_agg(pnnspid::regnamespace::text, ', ' order by 1) from pg_publication_namespace where pnpubid = p.oid) as schemas
  from pg_publication p left join pg_publication_tables t on t.pubname = p.pubname order by 1, t.schemaname, t.tablename`
