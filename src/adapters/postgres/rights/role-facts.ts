import type { Session } from '../connection/session.ts'
import type { Schemas } from '../backups/contents.ts'

/** A role that owns something of what is backed up, as seen by the user of the database address. */
export interface OwnerFacts {
  readonly role: string
  /** One of the things that it owns. */
  readonly example: string
  readonly member: boolean
  /** Whether its rights are the user's own, without `set role`. */
  readonly inherits: boolean
  /** Whether objects can be given to it: `set role`, which 16 and newer grant apart. */
  readonly canSet: boolean
  /** A schema in which it owns something and may not create, in a new database. */
  readonly closedSchema: string | null
}

interface ExtensionFacts {
  readonly name: string
  /** Whether its files are on the server. */
  readonly available: boolean
  /** Whether this user may create it in a database of its own. */
  readonly creatable: boolean
  /** Something that is backed up uses it. */
  readonly used: string | null
  /** Whether rows of its own tables are backed up. */
  readonly configured: boolean
}

/** What the catalogs say of the user of the database address, and of what is to be backed up and restored by it. Names are quoted where SQL needs it. */
export interface RoleFacts {
  readonly user: string
  readonly database: string
  readonly databaseOwner: string
  readonly superuser: boolean
  readonly createdb: boolean
  readonly serverVersionNumber: number
  /** Tables and sequences that it may not read, a few of them and how many. */
  readonly unreadable: readonly string[]
  readonly unreadableCount: number
  /** Schemas that it may not look into. */
  readonly closed: readonly string[]
  /** Tables of which row level security hides rows from it. */
  readonly hidden: readonly string[]
  /** The owners of large objects that it may not read. */
  readonly largeObjectOwners: readonly string[]
  readonly owners: readonly OwnerFacts[]
  /** Something on which a role that is not the owner has granted rights: only a superuser can do that again. */
  readonly foreignGrant: string | null
  /** Things that only a superuser can create and on which nothing leans: event triggers, publications. */
  readonly leaves: readonly string[]
  /** The others of that kind. */
  readonly superuserOnly: readonly string[]
  /** Tablespaces in which it may not create. */
  readonly tablespaces: readonly string[]
  readonly extensions: readonly ExtensionFacts[]
}

/** Objects that are backed up: not the server's own, of no extension, in the chosen schemas. */
function own(catalog: string, oid: string, schema: string): string {
  return `${schema} in (select oid from schemas)
    and not exists (select from pg_depend where classid = '${catalog}'::regclass and objid = ${oid} and deptype = 'e')`
}

/** What belongs to no schema and goes with a backup of the whole database. */
function whole(catalog: string, oid: string): string {
  return `$1::text[] is null and not exists (select from pg_depend where classid = '${catalog}'::regclass and objid = ${oid} and deptype = 'e')`
}

const common = `
  me as (select oid, rolname, rolsuper, rolcreatedb from pg_roles where rolname = current_user),
  schemas as (select oid, nspname, nspowner, nspacl from pg_namespace
    where nspname !~ '^pg_' and nspname <> 'information_schema' and ($1::text[] is null or nspname = any($1))
      and not exists (select from pg_depend where classid = 'pg_namespace'::regclass and objid = pg_namespace.oid and deptype = 'e')),
  relations as (select c.oid, c.relkind, c.relowner, c.relnamespace, c.relacl, c.reltablespace, format('%I.%I', s.nspname, c.relname) as name
    from pg_class c join schemas s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c') and ${own('pg_class', 'c.oid', 'c.relnamespace')})`

const ownersQuery = `with ${common},
  owned as (
    select relowner as owner, relnamespace as schema, name from relations
    union all select proowner, pronamespace, proname from pg_proc where ${own('pg_proc', 'pg_proc.oid', 'pronamespace')}
    union all select typowner, typnamespace, typname from pg_type
      where typtype in ('b', 'd', 'e', 'r') and typcategory <> 'A' and ${own('pg_type', 'pg_type.oid', 'typnamespace')}
    union all select collowner, collnamespace, collname from pg_collation where ${own('pg_collation', 'pg_collation.oid', 'collnamespace')}
    union all select oprowner, oprnamespace, oprname from pg_operator where ${own('pg_operator', 'pg_operator.oid', 'oprnamespace')}
    union all select cfgowner, cfgnamespace, cfgname from pg_ts_config where ${own('pg_ts_config', 'pg_ts_config.oid', 'cfgnamespace')}
    union all select dictowner, dictnamespace, dictname from pg_ts_dict where ${own('pg_ts_dict', 'pg_ts_dict.oid', 'dictnamespace')}
    union all select stxowner, stxnamespace, stxname from pg_statistic_ext where ${own('pg_statistic_ext', 'pg_statistic_ext.oid', 'stxnamespace')}
    union all select nspowner, null, 'schema ' || nspname from schemas
      where not (nspname = 'public' and (nspowner = 10 or nspowner = to_regrole('pg_database_owner')))
    union all select datdba, null, 'the database' from pg_database where datname = current_database()
    union all select defaclrole, null, 'default privileges' from pg_default_acl
      where defaclnamespace in (select oid from schemas) or (defaclnamespace = 0 and $1::text[] is null)
    union all (select distinct lomowner, null::oid, 'large objects' from pg_largeobject_metadata)
    union all select pubowner, null, 'publication ' || pubname from pg_publication where ${whole('pg_publication', 'pg_publication.oid')}
    union all select srvowner, null, 'server ' || srvname from pg_foreign_server where ${whole('pg_foreign_server', 'pg_foreign_server.oid')}
    union all select evtowner, null, 'event trigger ' || evtname from pg_event_trigger where ${whole('pg_event_trigger', 'pg_event_trigger.oid')})
  select quote_ident(r.rolname) as role, min(owned.name) as example,
    pg_has_role(r.oid, 'member') as member, pg_has_role(r.oid, 'usage') as inherits,
    case when current_setting('server_version_num')::int >= 160000 then pg_has_role(r.oid, 'set') else pg_has_role(r.oid, 'member') end as "canSet",
    min(quote_ident(s.nspname)) filter (where not (r.rolsuper or pg_has_role(r.oid, s.nspowner, 'usage')
      or (s.nspname = 'public' and current_setting('server_version_num')::int < 150000))) as "closedSchema"
  from owned join pg_roles r on r.oid = owned.owner left join schemas s on s.oid = owned.schema
  where r.rolname <> current_user group by r.oid, r.rolname order by r.rolname`

const factsQuery = `with ${common},
  readable as (select r.*, has_schema_privilege(relnamespace, 'usage') as reachable,
    case relkind when 'S' then has_sequence_privilege(r.oid, 'select') else has_table_privilege(r.oid, 'select') end as may
    from relations r where relkind in ('r', 'p', 'S'))
  select quote_ident(me.rolname) as user, me.rolsuper as superuser, me.rolcreatedb as createdb,
    current_database() as database, current_setting('server_version_num')::int as "serverVersionNumber",
    (select pg_get_userbyid(datdba) from pg_database where datname = current_database()) as "databaseOwner",
    array(select name from readable where not may order by 1 limit 3) as unreadable,
    (select count(*)::int from readable where not may) as "unreadableCount",
    array(select quote_ident(nspname) from schemas where not has_schema_privilege(oid, 'usage') and exists (select from relations where relnamespace = schemas.oid)
      order by 1) as closed,
    array(select name from readable where relkind <> 'S' and row_security_active(oid) order by 1) as hidden,
    array(select distinct quote_ident(pg_get_userbyid(lomowner)) from pg_largeobject_metadata l
      where not (me.rolsuper or pg_has_role(lomowner, 'usage') or current_setting('lo_compat_privileges')::bool
        or exists (select from aclexplode(lomacl) a where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(a.grantee, 'usage'))))
      order by 1) as "largeObjectOwners",
    (select min(name) from (
      select name from relations, aclexplode(relacl) a where a.grantor <> relowner
      union all select s.nspname from schemas s, aclexplode(s.nspacl) a where a.grantor <> s.nspowner
      union all select p.proname from pg_proc p, aclexplode(p.proacl) a where a.grantor <> p.proowner and ${own('pg_proc', 'p.oid', 'p.pronamespace')}
      union all select r.name from pg_attribute t join relations r on r.oid = t.attrelid, aclexplode(t.attacl) a where a.grantor <> r.relowner
    ) granted) as "foreignGrant",
    array(select 'event trigger ' || evtname from pg_event_trigger e where ${whole('pg_event_trigger', 'e.oid')}
      -- Single tables may be published by their owner, all tables or those of a schema only by a superuser.
      union all select 'publication ' || pubname from pg_publication p where ${whole('pg_publication', 'p.oid')}
        and (puballtables or exists (select from pg_depend d where d.classid = to_regclass('pg_publication_namespace')
          and d.refclassid = 'pg_publication'::regclass and d.refobjid = p.oid))
      order by 1) as leaves,
    array(
      select 'function ' || p.oid::regprocedure from pg_proc p join pg_language l on l.oid = p.prolang
        where not l.lanpltrusted and ${own('pg_proc', 'p.oid', 'p.pronamespace')}
      union all select 'type ' || typname from pg_type t where typtype = 'b' and typcategory <> 'A' and ${own('pg_type', 't.oid', 't.typnamespace')}
      union all select 'operator class ' || opcname from pg_opclass o where ${own('pg_opclass', 'o.oid', 'o.opcnamespace')}
      union all select 'foreign data wrapper ' || fdwname from pg_foreign_data_wrapper f where ${whole('pg_foreign_data_wrapper', 'f.oid')}
      union all select 'language ' || lanname from pg_language l where lanname not in ('internal', 'c', 'sql') and not lanpltrusted and ${whole('pg_language', 'l.oid')}
      order by 1) as "superuserOnly",
    array(select quote_ident(t.spcname) from pg_tablespace t
      where (t.oid in (select reltablespace from relations) or t.oid = (select dattablespace from pg_database where datname = current_database()))
        and t.spcname <> 'pg_default' and not has_tablespace_privilege(t.oid, 'create') order by 1) as tablespaces
  from me`

/** `pg_dump` says `create extension` without a version, so the default one counts. */
const extensionsQuery = `
  with members as (select refobjid as extension, classid, objid from pg_depend where deptype = 'e' and refclassid = 'pg_extension'::regclass)
  select e.extname as name, e.extconfig is not null and cardinality(e.extconfig) > 0 as configured,
    (select min(pg_describe_object(d.classid, d.objid, d.objsubid)) from pg_depend d
      where d.deptype in ('n', 'a') and (
          (d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid)
          or exists (select from members m where m.extension = e.oid and m.classid = d.refclassid and m.objid = d.refobjid))
        -- Parts of its own objects, such as the rule of a view, are not members themselves.
        and not exists (select from members m where m.extension = e.oid and m.classid = d.classid and m.objid = d.objid)
        and not exists (select from pg_depend part join members m on m.classid = part.refclassid and m.objid = part.refobjid
          where m.extension = e.oid and part.deptype = 'i' and part.classid = d.classid and part.objid = d.objid)) as used
  from pg_extension e where e.extname <> 'plpgsql' order by 1`

const creatableQuery = `
  select a.name, v.trusted or not v.superuser or (select rolsuper from pg_roles where rolname = current_user)
    -- The managed servers have roles of their own that may create what they allow; only trying tells.
    or exists (select from pg_roles where rolname in ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'supabase_admin')) as creatable
  from pg_available_extensions a join pg_available_extension_versions v on v.name = a.name and v.version = a.default_version
  where a.name = any($1)`

/** Reads them from the catalogs. `where` is a session on the server on which the backup is tried out, if that is another one. */
export async function roleFacts(session: Session, schemas: Schemas, where: Session = session): Promise<RoleFacts> {
  const chosen = [schemas ?? null]
  const { rows: facts } = await session.query<Omit<RoleFacts, 'owners' | 'extensions'>>(factsQuery, chosen)
  const { rows: owners } = await session.query<OwnerFacts>(ownersQuery, chosen)
  // A dump of some schemas has no extensions.
  const { rows: extensions } =
    schemas === undefined
      ? await session.query<Omit<ExtensionFacts, 'available' | 'creatable'>>(extensionsQuery)
      : { rows: [] }
  const { rows: found } = await where.query<{ name: string; creatable: boolean }>(creatableQuery, [
    extensions.map(({ name }) => name),
  ])
  const creatable = new Map(found.map((one) => [one.name, one.creatable]))
  const [row] = facts
  if (!row) throw new Error('the server does not know the user of this session')
  return {
    ...row,
    owners,
    extensions: extensions.map((one) => ({
      ...one,
      available: creatable.has(one.name),
      creatable: creatable.get(one.name) ?? false,
    })),
  }
}
