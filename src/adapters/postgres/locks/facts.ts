import type { Session } from '../connection/session.ts'

/** An OID of the catalog. */
export type Oid = number

/** What locks depend on beside a migration's text, as the catalog has it. Rows are tuples: a large database has many. */
export interface Facts {
  /** The schemas in which the session looks for names. */
  readonly path: readonly string[]
  readonly user: string
  /** As server_version_num. */
  readonly version: number
  /** OID, schema, name, kind, owner; of an index its table, of a sequence the table whose column owns it. */
  readonly relations: readonly (readonly [Oid, string, string, string, string, Oid | null])[]
  /** Child, parent, whether as a partition, whether as the default one. */
  readonly inheritance: readonly (readonly [Oid, Oid, boolean, boolean])[]
  /** OID, name, type, table, referenced table, whether it comes from a partitioned table, columns, referenced columns. */
  readonly constraints: readonly (readonly [
    Oid,
    string,
    string,
    Oid,
    Oid | null,
    boolean,
    readonly string[],
    readonly string[],
  ])[]
  /** Name, partitioned table: triggers of rows, which its partitions have too. */
  readonly rowTriggers: readonly (readonly [string, Oid])[]
  /** Publication, table. */
  readonly published: readonly (readonly [string, Oid])[]
  readonly dependencies?: Dependencies
}

/** What hangs on what, as pg_depend has it. A class is the OID of the catalog that holds the object. */
export interface Dependencies {
  /** Class, OID and column of what is leaned upon; class, OID and column of what leans; how. */
  readonly edges: readonly (readonly [Oid, Oid, string | null, Oid, Oid, string | null, string])[]
  /** Class and OID of a part of a relation (a rule, a trigger, a default), and the relation that loses it. */
  readonly parts: readonly (readonly [Oid, Oid, Oid])[]
  /** Class, OID, schema, name, and for a routine the number of its arguments. */
  readonly objects: readonly (readonly [Oid, Oid, string, string, number | null])[]
  /** Statistics that are of a table: OID, schema, name, table. */
  readonly statistics: readonly (readonly [Oid, string, string, Oid])[]
}

const ours = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`
const columns = (relation: string, numbers: string): string =>
  `(select coalesce(json_agg(a.attname), '[]') from pg_catalog.pg_attribute a where a.attrelid = ${relation} and a.attnum = any (${numbers}))`

const basic = `select json_build_object(
  'path', to_json(pg_catalog.current_schemas(false)), 'user', current_user, 'version', current_setting('server_version_num')::int,
  'relations', (select coalesce(json_agg(json_build_array(c.oid::int8, n.nspname, c.relname, c.relkind, pg_catalog.pg_get_userbyid(c.relowner),
      coalesce(i.indrelid, owned.refobjid)::int8)), '[]')
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace left join pg_catalog.pg_index i on i.indexrelid = c.oid
      left join lateral (select d.refobjid from pg_catalog.pg_depend d where c.relkind = 'S' and d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
        and d.refclassid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i') limit 1) owned on true
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I') and ${ours}),
  'inheritance', (select coalesce(json_agg(json_build_array(h.inhrelid::int8, h.inhparent::int8, c.relispartition, coalesce(p.partdefid = h.inhrelid, false))), '[]')
    from pg_catalog.pg_inherits h join pg_catalog.pg_class c on c.oid = h.inhrelid left join pg_catalog.pg_partitioned_table p on p.partrelid = h.inhparent),
  'constraints', (select coalesce(json_agg(json_build_array(o.oid::int8, o.conname, o.contype, o.conrelid::int8, nullif(o.confrelid, 0)::int8,
      o.conparentid <> 0, ${columns('o.conrelid', 'o.conkey')}, ${columns('o.confrelid', 'o.confkey')})), '[]')
    from pg_catalog.pg_constraint o join pg_catalog.pg_namespace n on n.oid = o.connamespace where o.conrelid <> 0 and o.contype <> 't' and ${ours}),
  'rowTriggers', (select coalesce(json_agg(json_build_array(t.tgname, t.tgrelid::int8)), '[]')
    from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid where c.relkind = 'p' and not t.tgisinternal and t.tgtype & 1 = 1),
  'published', (select coalesce(json_agg(json_build_array(p.pubname, r.prrelid::int8)), '[]')
    from pg_catalog.pg_publication_rel r join pg_catalog.pg_publication p on p.oid = r.prpubid))::text as facts`

/** The lowest OID that the server gives to what people make. */
const firstOwn = 16_384
const column = (classOf: string, of: string, number: string): string =>
  `(select a.attname from pg_catalog.pg_attribute a where ${classOf} = 'pg_catalog.pg_class'::regclass and ${number} > 0 and a.attrelid = ${of} and a.attnum = ${number})`

const hanging = `select json_build_object(
  'edges', (select coalesce(json_agg(json_build_array(d.refclassid::int8, d.refobjid::int8, ${column('d.refclassid', 'd.refobjid', 'd.refobjsubid')},
      d.classid::int8, d.objid::int8, ${column('d.classid', 'd.objid', 'd.objsubid')}, d.deptype)), '[]')
    from pg_catalog.pg_depend d where d.objid >= ${firstOwn} and (d.refobjid >= ${firstOwn} or d.refclassid = 'pg_catalog.pg_namespace'::regclass)),
  'parts', (select coalesce(json_agg(json_build_array(part.class::int8, part.oid::int8, part.relation::int8)), '[]') from (
      select 'pg_catalog.pg_rewrite'::regclass::oid as class, oid, ev_class as relation from pg_catalog.pg_rewrite
      union all select 'pg_catalog.pg_trigger'::regclass, oid, tgrelid from pg_catalog.pg_trigger
      union all select 'pg_catalog.pg_constraint'::regclass, oid, conrelid from pg_catalog.pg_constraint where conrelid <> 0
      union all select 'pg_catalog.pg_attrdef'::regclass, oid, adrelid from pg_catalog.pg_attrdef
      union all select 'pg_catalog.pg_policy'::regclass, oid, polrelid from pg_catalog.pg_policy) part where part.oid >= ${firstOwn}),
  'objects', (select coalesce(json_agg(json_build_array(o.class::int8, o.oid::int8, o.schema, o.name, o.arguments)), '[]') from (
      select 'pg_catalog.pg_namespace'::regclass::oid as class, oid, '' as schema, nspname as name, null::int as arguments from pg_catalog.pg_namespace where oid >= ${firstOwn} or nspname = 'public'
      union all select 'pg_catalog.pg_extension'::regclass, oid, '', extname, null from pg_catalog.pg_extension
      union all select 'pg_catalog.pg_type'::regclass, t.oid, n.nspname, t.typname, null from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
        where t.oid >= ${firstOwn} and t.typtype <> 'c' or t.oid >= ${firstOwn} and exists (select from pg_catalog.pg_class c where c.oid = t.typrelid and c.relkind = 'c')
      union all select 'pg_catalog.pg_proc'::regclass, p.oid, n.nspname, p.proname, p.pronargs from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where p.oid >= ${firstOwn}) o),
  'statistics', (select coalesce(json_agg(json_build_array(s.oid::int8, n.nspname, s.stxname, s.stxrelid::int8)), '[]')
    from pg_catalog.pg_statistic_ext s join pg_catalog.pg_namespace n on n.oid = s.stxnamespace))::text as facts`

/**
 * Gathers the facts as one text of JSON, so that not even a catalog of many thousand tables is taken apart on the main thread. What hangs on
 * what is only asked for when it matters. Changes nothing.
 */
export async function gatherFacts(session: Session, withDependencies: boolean): Promise<string> {
  const [row] = (await session.query<{ facts: string }>(basic)).rows
  const facts = row?.facts ?? '{}'
  if (!withDependencies) return facts
  const [more] = (await session.query<{ facts: string }>(hanging)).rows
  return `${facts.slice(0, -1)}, "dependencies": ${more?.facts ?? '{}'}}`
}
