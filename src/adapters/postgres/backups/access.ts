import pg from 'pg'
import type { AccessGroup } from './port.ts'
import type { Session } from '../connection/session.ts'

/*
 * Who owns what and who may do what with it, as the catalogs have it. A dump says it only as statements; recorded beside the dump, in the
 * same snapshot, it is a witness against which a restored database can be held. Lists are written out, also those that PostgreSQL leaves
 * away because they are its defaults, so that two ways to say the same are the same.
 */

/** A catalog, the column of the schema that its objects are in, its columns of owner and access list, and what `acldefault` calls its kind. */
interface Catalog {
  readonly name: string
  readonly schema: string
  readonly owner: string
  readonly list?: string
  readonly kind?: string
  /** Which of its rows are objects of their own. */
  readonly where?: string
}

const partOfAnother = (catalog: string): string =>
  `not exists (select from pg_depend where classid = '${catalog}'::regclass and objid = x.oid and deptype = 'i')`

/** Everything that is in a schema and has an owner. */
const catalogs: readonly Catalog[] = [
  {
    name: 'pg_class',
    schema: 'relnamespace',
    owner: 'relowner',
    list: 'relacl',
    kind: "case x.relkind when 'S' then 's'::\"char\" else 'r' end",
    where: "x.relkind in ('r', 'p', 'v', 'm', 'f', 'S')",
  },
  {
    name: 'pg_proc',
    schema: 'pronamespace',
    owner: 'proowner',
    list: 'proacl',
    kind: "'f'",
    where: partOfAnother('pg_proc'),
  },
  // Those of tables, arrays and multiranges are parts of something else.
  {
    name: 'pg_type',
    schema: 'typnamespace',
    owner: 'typowner',
    list: 'typacl',
    kind: "'T'",
    where: partOfAnother('pg_type'),
  },
  { name: 'pg_operator', schema: 'oprnamespace', owner: 'oprowner' },
  { name: 'pg_opclass', schema: 'opcnamespace', owner: 'opcowner' },
  { name: 'pg_opfamily', schema: 'opfnamespace', owner: 'opfowner' },
  { name: 'pg_collation', schema: 'collnamespace', owner: 'collowner' },
  { name: 'pg_conversion', schema: 'connamespace', owner: 'conowner' },
  { name: 'pg_ts_config', schema: 'cfgnamespace', owner: 'cfgowner' },
  { name: 'pg_ts_dict', schema: 'dictnamespace', owner: 'dictowner' },
  { name: 'pg_statistic_ext', schema: 'stxnamespace', owner: 'stxowner' },
]

const notOfAnExtension = (catalog: string, oid: string): string =>
  `not exists (select from pg_depend where classid = '${catalog}'::regclass and objid = ${oid} and deptype = 'e')`

function rowsOf({ name, schema, owner, list, kind, where = 'true' }: Catalog): string {
  const rights = list === undefined ? 'null::aclitem[]' : `coalesce(x.${list}, acldefault(${kind}, x.${owner}))`
  return `select '${name}'::regclass::oid as class, x.oid, 0 as part, x.${schema} as schema, x.${owner} as owner, ${rights} as list
    from ${name} x where ${where} and ${notOfAnExtension(name, 'x.oid')}`
}

const columns = `select 'pg_class'::regclass::oid, a.attrelid, a.attnum::int, x.relnamespace, 0::oid, a.attacl
    from pg_attribute a join pg_class x on x.oid = a.attrelid
    where a.attacl is not null and not a.attisdropped and x.relkind in ('r', 'p', 'v', 'm', 'f')
      and ${notOfAnExtension('pg_class', 'x.oid')}`

const schemaRows = `select 'pg_namespace'::regclass::oid, x.oid, 0, x.oid, x.nspowner, coalesce(x.nspacl, acldefault('n', x.nspowner))
    from pg_namespace x where ${notOfAnExtension('pg_namespace', 'x.oid')}`

const roleName = (oid: string): string =>
  `case ${oid} when 0 then 'public' else coalesce((select quote_ident(rolname) from pg_roles where oid = ${oid}), ${oid}::text) end`

/** An access list in words, in a fixed order: "anon: select, update*; public: usage". The star is the grant option. */
const inWords = (list: string, of: string): string => `(${wordsOf(list, of)})`
const wordsOf = (list: string, of: string): string => `
  select coalesce(string_agg(line, '; ' order by line collate "C"), '') from (
    select ${roleName('grantee')} || ': '
      || string_agg(distinct lower(privilege_type) || case when is_grantable then '*' else '' end, ', ') as line
    from aclexplode(${list}) where privilege_type in (${of}) group by grantee) lines`

const privileges =
  `SELECT INSERT UPDATE DELETE TRUNCATE REFERENCES TRIGGER EXECUTE USAGE CREATE CONNECT TEMPORARY SET`.split(' ')

/** Servers know MAINTAIN since 17, and owners have it there: of a backup of an older one it can't be compared. */
function privilegesOf(serverVersion: string | undefined): string {
  const older = serverVersion !== undefined && Number.parseInt(serverVersion, 10) < 17
  return [...privileges, ...(older ? [] : ['MAINTAIN'])].map((name) => `'${name}'`).join(', ')
}

/**
 * Makes the query for owners and rights of everything in these schemas (of all that are not the server's own without them), large objects
 * counted, and default privileges: `object`, `owner`, `rights`, as text, and whether the session's role may drop it (`droppable`). Of an
 * extension's own objects it says nothing. With the version of the server that a backup is of, only privileges that it knew count.
 */
export function accessQuery(schemas: readonly string[] | undefined, serverVersion?: string): string {
  const of = privilegesOf(serverVersion)
  const chosen =
    schemas === undefined ? '' : `and n.nspname in (${schemas.map((schema) => pg.escapeLiteral(schema)).join(', ')})`
  const own = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema' ${chosen}`
  const inSchemas = [...catalogs.map(rowsOf), columns, schemaRows].join('\n    union all ')
  const largeObjects = `
    select format('%s large objects', count(*)), owner, rights, bool_and(droppable) from (
      select pg_has_role(lomowner, 'USAGE') as droppable, ${roleName('lomowner')} as owner, ${inWords("coalesce(lomacl, acldefault('L', lomowner))", of)} as rights
      from pg_largeobject_metadata) each_one group by owner, rights`
  return `
  select named.type || ' ' || named.identity as object, case o.owner when 0 then '' else ${roleName('o.owner')} end as owner, ${inWords('o.list', of)} as rights,
    o.owner = 0 or pg_has_role(o.owner, 'USAGE') or pg_has_role(n.nspowner, 'USAGE') as droppable
  from (${inSchemas}) o join pg_namespace n on n.oid = o.schema, pg_identify_object(o.class, o.oid, o.part) named
  where ${own} and named.identity is not null
  union all
  select concat('default privileges of ', pg_get_userbyid(d.defaclrole), ' in schema ' || quote_ident(n.nspname), ' on ', case d.defaclobjtype
      when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'routines' when 'T' then 'types' when 'n' then 'schemas'
      else 'large objects' end), '', ${inWords('d.defaclacl', of)}, true
  from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
  where ${schemas === undefined ? 'true' : own}
  ${schemas === undefined ? `union all ${largeObjects}` : ''}`
}

/** Reads owners and rights, those that are alike together: most tables have the same. */
export async function accessOf(
  session: Session,
  schemas: readonly string[] | undefined,
): Promise<readonly AccessGroup[]> {
  const { rows } = await session.query<{ owner: string; rights: string; objects: string[] }>(
    `select owner, rights, array_agg(object order by object) as objects from (${accessQuery(schemas)}) access
     group by owner, rights order by owner, rights`,
  )
  return rows
}
