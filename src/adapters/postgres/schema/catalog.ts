import type { Session } from '../connection/session.ts'
import type { Catalog, Column, Dependent, Key, NamedType, Relation, Routine } from './model.ts'

/** What is looked for: everything of these names, and what depends on it. */
interface Wanted {
  /** Whatever the files name, without schemas. */
  readonly names: readonly string[]
  /** Schemas and extensions that are dropped or renamed: everything in them counts. */
  readonly whole: readonly string[]
}

interface Found {
  readonly path: string
  readonly user: string
  readonly schemas: readonly string[]
  readonly extensions: readonly string[]
  readonly relations: readonly FoundRelation[]
  readonly routines: readonly (Omit<Routine, 'unsure'> & { readonly id: string; readonly harmless: boolean })[]
  readonly types: readonly (Omit<NamedType, 'unsure'> & { readonly id: string })[]
  readonly dependents: readonly {
    readonly on: string
    readonly kind: Dependent['kind']
    readonly id: string
    readonly part: string
  }[]
  readonly harmless: readonly string[]
}

interface FoundRelation {
  readonly id: string
  readonly schema: string
  readonly name: string
  readonly kind: string
  readonly partition: string | null
  readonly security: boolean
  readonly forced: boolean
  readonly populated: boolean
  readonly columns:
    | readonly {
        name: string
        type: string
        brackets: string | null
        number: number
        required: boolean
        fill: string | null
      }[]
    | null
  readonly keys: readonly { name: string; kind: string; columns: readonly string[] }[] | null
  readonly policies: readonly { name: string; restrictive: boolean }[] | null
  readonly triggers: readonly string[] | null
}

/**
 * Reads from the live database what files are about to change, as JSON for `catalogOf`: of a large schema it is megabytes, which another
 * thread takes apart. Changes nothing, and waits for no table's lock.
 */
export async function readCatalog(session: Session, { names, whole }: Wanted): Promise<string> {
  const asItIs = { getTypeParser: () => (value: string) => value }
  const { rows } = await session.query<{ found: string }>({
    text: catalogQuery,
    values: [names, whole],
    types: asItIs,
  })
  const found = rows[0]?.found
  if (found === undefined) throw new Error('the server answered with no row')
  return found
}

/** Takes apart what `readCatalog` has read. Pure. */
export function catalogOf(json: string): Catalog {
  const found = JSON.parse(json) as Found
  const dependents = new Map<string, Dependent[]>()
  for (const { on, kind, id, part } of found.dependents) {
    const known = dependents.get(on)
    if (known === undefined) dependents.set(on, [{ kind, id, part }])
    else known.push({ kind, id, part })
  }
  const path = pathParts(found.path)
  return {
    state: {
      relations: new Map(found.relations.map((one) => [one.id, relation(one)])),
      routines: new Map(found.routines.map(({ id, harmless: _, ...one }) => [id, one])),
      types: new Map(found.types.map(({ id, ...one }) => [id, one])),
      schemas: new Set(found.schemas),
      extensions: new Set(found.extensions),
      path,
    },
    facts: { path, user: found.user, dependents, harmless: new Set(found.harmless) },
  }
}

/** Takes `"$user", public` apart. */
export function pathParts(setting: string): readonly string[] {
  return [...setting.matchAll(/"((?:[^"]|"")*)"|([^\s,"]+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '').toLowerCase() : quoted.replaceAll('""', '"'),
  )
}

const kinds: Readonly<Record<string, Relation['kind']>> = {
  r: 'table',
  p: 'table',
  f: 'foreign table',
  v: 'view',
  m: 'materialized view',
  S: 'sequence',
  i: 'index',
  I: 'index',
}
const keyKinds: Readonly<Record<string, Key['kind']>> = {
  u: 'unique',
  p: 'primary',
  x: 'exclusion',
  c: 'check',
  f: 'foreign',
}

function relation(found: FoundRelation): Relation {
  const { schema, name, kind, partition, security, forced, populated } = found
  return {
    schema,
    name,
    kind: kinds[kind] ?? 'table',
    columns: new Map((found.columns ?? []).map((one) => [one.name, column(one)])),
    keys: new Map(
      (found.keys ?? []).map((key) => [
        key.name,
        { kind: keyKinds[key.kind] ?? 'check', columns: key.columns, passesEmpty: false },
      ]),
    ),
    policies: new Map((found.policies ?? []).map((one) => [one.name, { restrictive: one.restrictive }])),
    triggers: new Set(found.triggers ?? []),
    rowSecurity: security,
    forced,
    populated,
    ...(partition === null ? {} : { partitionOf: partition }),
    uses: [],
  }
}

type FoundColumn = NonNullable<FoundRelation['columns']>[number]

function column({ type, brackets, number, required, fill }: FoundColumn): Column {
  const filled =
    fill === 'a'
      ? 'always'
      : fill === 'd'
        ? 'identity'
        : fill === 's'
          ? 'computed'
          : fill === 'x'
            ? 'default'
            : undefined
  return {
    type: `${type}${brackets ?? ''}`,
    number,
    notNull: required,
    ...(filled === undefined ? {} : { fill: filled }),
  }
}

const ours = (alias: string): string => `${alias}.nspname <> 'information_schema' and ${alias}.nspname !~ '^pg_'`

/**
 * Everything in one statement, so that it is of one moment, and in one order, so that the same facts give the same plan. Ids are those of the server, with a letter where two catalogs could have
 * the same; a view depends by its rule, a column's default
 * by an object of its own, and both are led back to what people know.
 */
const catalogQuery = `
-- What is named comes first, then all that depends on it.
with recursive named as (
    select 'pg_catalog.pg_class'::regclass::oid as class, c.oid, 0 as sub from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where (c.relname = any ($1) or n.nspname = any ($2)) and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'i', 'I') and ${ours('n')}
    union all
    select 'pg_catalog.pg_proc'::regclass, p.oid, 0 from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
      where (p.proname = any ($1) or n.nspname = any ($2)) and ${ours('n')}
    union all
    select 'pg_catalog.pg_type'::regclass, t.oid, 0 from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
      where (t.typname = any ($1) or n.nspname = any ($2)) and ${ours('n')}
    union all
    select 'pg_catalog.pg_extension'::regclass, e.oid, 0 from pg_catalog.pg_extension e where e.extname = any ($2)
  ),
  reached (class, oid, sub) as (
    select class, oid, sub from named
    union
    select case when d.classid = 'pg_catalog.pg_rewrite'::regclass then 'pg_catalog.pg_class'::regclass::oid else d.classid end,
      coalesce(r.ev_class, d.objid), d.objsubid
    from reached x join pg_catalog.pg_depend d on d.refclassid = x.class and d.refobjid = x.oid and (x.sub = 0 or d.refobjsubid = x.sub)
      left join pg_catalog.pg_rewrite r on d.classid = 'pg_catalog.pg_rewrite'::regclass and r.oid = d.objid
    where d.deptype <> 'x'
  ),
  links as (
    select distinct case when x.class = 'pg_catalog.pg_extension'::regclass then 'extension ' || e.extname
          when x.class = 'pg_catalog.pg_proc'::regclass then 'f' || x.oid when x.class = 'pg_catalog.pg_type'::regclass then 't' || x.oid
          else x.oid::text end
        || case when d.refobjsubid > 0 then '/' || d.refobjsubid else '' end as on,
      found.kind, found.id, found.part
    from (select distinct class, oid from reached) x
      left join pg_catalog.pg_extension e on x.class = 'pg_catalog.pg_extension'::regclass and e.oid = x.oid
      join pg_catalog.pg_depend d on d.refclassid = x.class and d.refobjid = x.oid and d.deptype <> 'x'
      cross join lateral (
        select 'relation' as kind, r.ev_class::text as id, '' as part from pg_catalog.pg_rewrite r
          where d.classid = 'pg_catalog.pg_rewrite'::regclass and r.oid = d.objid and r.ev_class <> x.oid
        union all
        select 'relation', d.objid::text, '' where d.classid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0 and d.objid <> x.oid
        union all
        select 'column', a.attrelid::text, a.attname from pg_catalog.pg_attribute a
          where d.classid = 'pg_catalog.pg_class'::regclass and d.objsubid > 0 and a.attrelid = d.objid and a.attnum = d.objsubid
        union all
        select 'default', a.attrelid::text, a.attname from pg_catalog.pg_attrdef f join pg_catalog.pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
          where d.classid = 'pg_catalog.pg_attrdef'::regclass and f.oid = d.objid
        union all
        select 'key', o.conrelid::text, o.conname from pg_catalog.pg_constraint o
          where d.classid = 'pg_catalog.pg_constraint'::regclass and o.oid = d.objid and o.conrelid <> 0
        union all
        select 'policy', o.polrelid::text, o.polname from pg_catalog.pg_policy o where d.classid = 'pg_catalog.pg_policy'::regclass and o.oid = d.objid
        union all
        select 'trigger', o.tgrelid::text, o.tgname from pg_catalog.pg_trigger o
          where d.classid = 'pg_catalog.pg_trigger'::regclass and o.oid = d.objid and not o.tgisinternal
        union all
        select 'routine', 'f' || d.objid, '' where d.classid = 'pg_catalog.pg_proc'::regclass
        union all
        select 'type', 't' || d.objid, '' where d.classid = 'pg_catalog.pg_type'::regclass
      ) found
  )
select json_build_object(
  'path', pg_catalog.current_setting('search_path'), 'user', current_user::text,
  'schemas', (select coalesce(json_agg(n.nspname order by n.nspname), '[]') from pg_catalog.pg_namespace n where ${ours('n')}),
  'extensions', (select coalesce(json_agg(e.extname), '[]') from pg_catalog.pg_extension e),
  'relations', (select coalesce(json_agg(json_build_object('id', c.oid::text, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
      'partition', case when c.relispartition then (select i.inhparent::text from pg_catalog.pg_inherits i where i.inhrelid = c.oid limit 1) end,
      'security', c.relrowsecurity, 'forced', c.relforcerowsecurity, 'populated', c.relispopulated,
      'columns', (select json_agg(json_build_object('name', a.attname, 'type', t.typname,
          'brackets', substring(pg_catalog.format_type(a.atttypid, a.atttypmod) from '\\([0-9,]+\\)'), 'number', a.attnum, 'required', a.attnotnull,
          'fill', case when a.attidentity <> '' then a.attidentity::text when a.attgenerated <> '' then 's' when a.atthasdef then 'x' end) order by a.attnum)
        from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'f', 'v', 'm')),
      'keys', (select json_agg(json_build_object('name', k.name, 'kind', k.kind, 'columns',
          (select coalesce(json_agg(a.attname order by a.attnum), '[]') from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum = any (k.columns))) order by k.name)
        from (select o.conname as name, o.contype::text as kind, coalesce(o.conkey, '{}') as columns from pg_catalog.pg_constraint o
            where o.conrelid = c.oid and o.contype in ('u', 'p', 'x', 'c', 'f')
          union all
          select ic.relname, 'u', i.indkey::int2[] from pg_catalog.pg_index i join pg_catalog.pg_class ic on ic.oid = i.indexrelid
            where i.indrelid = c.oid and i.indisunique and not exists (select from pg_catalog.pg_constraint o where o.conindid = i.indexrelid and o.contype in ('u', 'p', 'x'))) k),
      'policies', (select json_agg(json_build_object('name', o.polname, 'restrictive', not o.polpermissive) order by o.polname) from pg_catalog.pg_policy o where o.polrelid = c.oid),
      'triggers', (select json_agg(o.tgname order by o.tgname) from pg_catalog.pg_trigger o where o.tgrelid = c.oid and not o.tgisinternal)) order by n.nspname, c.relname), '[]')
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid in (select oid from reached where class = 'pg_catalog.pg_class'::regclass) and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'i', 'I')
      and c.relpersistence <> 't' and ${ours('n')}),
  'routines', (select coalesce(json_agg(json_build_object('id', 'f' || p.oid, 'schema', n.nspname, 'name', p.proname,
      'args', (select coalesce(json_agg(t.typname order by a.place), '[]') from unnest(p.proargtypes::oid[]) with ordinality a (oid, place)
        join pg_catalog.pg_type t on t.oid = a.oid),
      'result', coalesce(pg_catalog.pg_get_function_result(p.oid), ''), 'defaults', p.pronargdefaults) order by n.nspname, p.proname, p.oid), '[]')
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where p.oid in (select oid from reached where class = 'pg_catalog.pg_proc'::regclass) and ${ours('n')}),
  'types', (select coalesce(json_agg(json_build_object('id', 't' || t.oid, 'schema', n.nspname, 'name', t.typname, 'notNull', t.typnotnull,
      'hasDefault', t.typdefault is not null,
      'labels', (select coalesce(json_agg(l.enumlabel order by l.enumsortorder), '[]') from pg_catalog.pg_enum l where l.enumtypid = t.oid)) order by n.nspname, t.typname), '[]')
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace left join pg_catalog.pg_class c on c.oid = t.typrelid
    where t.oid in (select oid from reached where class = 'pg_catalog.pg_type'::regclass) and (t.typrelid = 0 or c.relkind = 'c')
      and t.typcategory <> 'A' and ${ours('n')}),
  'dependents', (select coalesce(json_agg(json_build_object('on', l.on, 'kind', l.kind, 'id', l.id, 'part', l.part) order by l.kind, length(l.id), l.id, l.part), '[]') from links l),
  'harmless', (select coalesce(json_agg(h.proname), '[]') from (select p.proname from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
      where p.proname = any ($1) group by p.proname having bool_and(n.nspname = 'pg_catalog' or p.provolatile <> 'v'
        or exists (select from pg_catalog.pg_depend d join pg_catalog.pg_extension e on e.oid = d.refobjid and e.extname in ('pgcrypto', 'uuid-ossp')
          where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'))) h)
) as found`
