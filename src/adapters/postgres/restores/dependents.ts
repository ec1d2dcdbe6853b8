import pg from 'pg'

/** The catalogs whose objects belong to a schema, each with a query for it by the object's oid (`o`). */
const homes: Readonly<Record<string, string>> = {
  pg_class: 'select relnamespace from pg_class where oid = o',
  pg_proc: 'select pronamespace from pg_proc where oid = o',
  pg_type: 'select typnamespace from pg_type where oid = o',
  pg_constraint: 'select connamespace from pg_constraint where oid = o',
  pg_attrdef: 'select c.relnamespace from pg_attrdef a join pg_class c on c.oid = a.adrelid where a.oid = o',
  pg_rewrite: 'select c.relnamespace from pg_rewrite r join pg_class c on c.oid = r.ev_class where r.oid = o',
  pg_trigger: 'select c.relnamespace from pg_trigger t join pg_class c on c.oid = t.tgrelid where t.oid = o',
  pg_policy: 'select c.relnamespace from pg_policy p join pg_class c on c.oid = p.polrelid where p.oid = o',
  pg_statistic_ext: 'select stxnamespace from pg_statistic_ext where oid = o',
  pg_operator: 'select oprnamespace from pg_operator where oid = o',
  pg_opclass: 'select opcnamespace from pg_opclass where oid = o',
  pg_opfamily: 'select opfnamespace from pg_opfamily where oid = o',
  pg_amop: 'select f.opfnamespace from pg_amop a join pg_opfamily f on f.oid = a.amopfamily where a.oid = o',
  pg_amproc: 'select f.opfnamespace from pg_amproc a join pg_opfamily f on f.oid = a.amprocfamily where a.oid = o',
  pg_collation: 'select collnamespace from pg_collation where oid = o',
  pg_conversion: 'select connamespace from pg_conversion where oid = o',
  pg_ts_config: 'select cfgnamespace from pg_ts_config where oid = o',
  pg_ts_dict: 'select dictnamespace from pg_ts_dict where oid = o',
}

/** What may be emptied and have dependents elsewhere. */
const emptied: readonly (readonly [string, string])[] = [
  ['pg_class', 'relnamespace'],
  ['pg_proc', 'pronamespace'],
  ['pg_type', 'typnamespace'],
  ['pg_constraint', 'connamespace'],
  ['pg_collation', 'collnamespace'],
  ['pg_ts_config', 'cfgnamespace'],
  ['pg_ts_dict', 'dictnamespace'],
]

/**
 * Makes the query for what outside of these schemas hangs on what is in them, as `pg_depend` has it: dropping the one takes the other
 * along (`cascade`), and a backup of these schemas alone does not bring it back. One column, `name`: "view reporting.revenue".
 * See https://www.postgresql.org/docs/current/catalog-pg-depend.html.
 */
export function dependentsQuery(schemas: readonly string[]): string {
  const list = schemas.map((name) => pg.escapeLiteral(name)).join(', ')
  const within = `(select oid from pg_namespace where nspname in (${list}))`
  const home = Object.entries(homes)
    .map(([catalog, query]) => `when '${catalog}'::regclass then (${query.replace(/\bo$/, 'd.objid')})`)
    .join('\n      ')
  // What an extension has is not emptied.
  const own = emptied
    .map(
      ([catalog, column]) => `select '${catalog}'::regclass as class, oid from ${catalog} where ${column} in ${within}
      and not exists (select from pg_depend where classid = '${catalog}'::regclass and objid = ${catalog}.oid and deptype = 'e')`,
    )
    .join('\n    union all ')
  return `
  with own as (
    ${own}
  ), hanging as (
    select distinct d.classid, d.objid, case when d.classid = 'pg_class'::regclass then 0 else d.objsubid end as part
    from pg_depend d join own on (d.refclassid, d.refobjid) = (own.class, own.oid)
    where d.deptype in ('n', 'a') and coalesce(case d.classid
      ${home}
      end not in ${within}, true)
  )
  select pg_describe_object(classid, objid, part) as name from hanging order by 1`
}
