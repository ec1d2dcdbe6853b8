import pg from 'pg'

/*
 * What a restore in place removes before it fills. `pg_restore --clean` would leave what came after the backup, and trip over what depends
 * on it. Objects are named by the server itself (pg_identify_object), so that whatever it has a name for can be dropped.
 */

/** The catalogs of what is dropped, in this order; `what` comes before the name in `drop`. */
const droppedFrom: readonly {
  readonly catalog: string
  readonly schema: string
  readonly what: string
  readonly where?: string
}[] = [
  { catalog: 'pg_class', schema: 'relnamespace', what: 'table', where: "x.relkind in ('r', 'p')" },
  { catalog: 'pg_class', schema: 'relnamespace', what: 'view', where: "x.relkind = 'v'" },
  { catalog: 'pg_class', schema: 'relnamespace', what: 'materialized view', where: "x.relkind = 'm'" },
  { catalog: 'pg_class', schema: 'relnamespace', what: 'foreign table', where: "x.relkind = 'f'" },
  { catalog: 'pg_class', schema: 'relnamespace', what: 'sequence', where: "x.relkind = 'S'" },
  { catalog: 'pg_opclass', schema: 'opcnamespace', what: 'operator class' },
  { catalog: 'pg_opfamily', schema: 'opfnamespace', what: 'operator family' },
  { catalog: 'pg_operator', schema: 'oprnamespace', what: 'operator' },
  { catalog: 'pg_proc', schema: 'pronamespace', what: 'routine' },
  { catalog: 'pg_type', schema: 'typnamespace', what: 'type' },
  { catalog: 'pg_collation', schema: 'collnamespace', what: 'collation' },
  { catalog: 'pg_conversion', schema: 'connamespace', what: 'conversion' },
  { catalog: 'pg_ts_config', schema: 'cfgnamespace', what: 'text search configuration' },
  { catalog: 'pg_ts_dict', schema: 'dictnamespace', what: 'text search dictionary' },
  { catalog: 'pg_ts_template', schema: 'tmplnamespace', what: 'text search template' },
  { catalog: 'pg_ts_parser', schema: 'prsnamespace', what: 'text search parser' },
  { catalog: 'pg_statistic_ext', schema: 'stxnamespace', what: 'statistics' },
]

interface Emptied {
  /** The schemas of the archive, which stay. */
  readonly archived: readonly string[]
  /** The schemas that alone are restored; undefined when everything is. */
  readonly schemas: readonly string[] | undefined
}

/** The body of a block that drops everything, or what these schemas hold. Extensions stay, with all that is theirs. */
export function emptyBlock({ archived, schemas }: Emptied): string {
  const drops = droppedFrom.map(
    ({ catalog, schema, what, where = 'true' }, turn) => `
      select ${turn} as turn, x.oid, format('drop ${what} if exists %s cascade', named.identity) as sql
      from ${catalog} x join pg_namespace n on n.oid = x.${schema}, pg_identify_object('${catalog}'::regclass, x.oid, 0) named
      where ${where} and ${ownIn(catalog, 'x.oid', schemas)}`,
  )
  const stay = ['public', ...archived, ...(schemas ?? [])].map((name) => pg.escapeLiteral(name)).join(', ')
  return `
declare it text;
begin
  -- All are named before the first is dropped: afterwards the server would know those no more that went along.
  foreach it in array (select coalesce(array_agg(sql order by turn, oid), '{}') from (${drops.join('\n      union all')}
      union all
      select ${drops.length}, n.oid, format('drop schema if exists %I cascade', n.nspname) from pg_namespace n
      where n.nspname not in (${stay}) and ${ownIn('pg_namespace', 'n.oid', schemas)}) dropped)
  loop execute it; end loop;
  ${schemas === undefined ? 'perform lo_unlink(oid) from pg_largeobject_metadata;' : ''}
end`
}

/** Makes the condition for an object of one's own: not the system's, of no extension and no part of something else. */
function ownIn(catalog: string, oid: string, schemas: readonly string[] | undefined): string {
  const chosen =
    schemas === undefined ? '' : `and n.nspname in (${schemas.map((name) => pg.escapeLiteral(name)).join(', ')})`
  return `n.nspname !~ '^pg_' and n.nspname <> 'information_schema' ${chosen}
      -- A partitioned table depends on its own columns.
      and not exists (select from pg_depend where classid = '${catalog}'::regclass and objid = ${oid}
        and deptype in ('e', 'i') and (refclassid, refobjid) <> (classid, objid))`
}
