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

/** A view, its row's type, and the type of their arrays: whatever depends on them goes with the view. */
const ofView = `case n.class when 'pg_class'::regclass then exists (select from pg_class where oid = n.oid and relkind = 'v')
    when 'pg_type'::regclass then exists (select from pg_type t join pg_class v on v.reltype in (t.oid, t.typelem) and v.reltype <> 0
      where t.oid = n.oid and v.relkind = 'v')
    else false end`

/**
 * Makes the query for what outside of these schemas hangs on what is in them, as `pg_depend` has it: dropping the one takes the other
 * along (`cascade`), and a backup of these schemas alone does not bring it back. Columns: `class` and `oid`, `name` ("view reporting.revenue"),
 * and `depth`, by which a view comes after those that it is made of. See https://www.postgresql.org/docs/current/catalog-pg-depend.html.
 */
export function hangingQuery(schemas: readonly string[]): string {
  const list = schemas.map((name) => pg.escapeLiteral(name)).join(', ')
  const within = `(select oid from pg_namespace where nspname in (${list}))`
  const home = Object.entries(homes)
    .map(([catalog, query]) => `when '${catalog}'::regclass then (${query.replace(/\bo$/, 'reached.oid')})`)
    .join('\n      ')
  // What an extension has is not emptied.
  const own = emptied
    .map(
      ([
        catalog,
        column,
      ]) => `select '${catalog}'::regclass::oid as class, oid from ${catalog} where ${column} in ${within}
      and not exists (select from pg_depend where classid = '${catalog}'::regclass and objid = ${catalog}.oid and deptype = 'e')`,
    )
    .join('\n    union all ')
  return `
  with recursive reached (class, oid, depth, spreads) as (
    select class, oid, 0, true from (${own}) own
    union
    select n.class, n.oid, r.depth + 1, ${ofView}
    from reached r join pg_depend d on (d.refclassid, d.refobjid) = (r.class, r.oid), lateral (
      select d.classid, d.objid
      union all
      select 'pg_class'::regclass, ev_class from pg_rewrite where d.classid = 'pg_rewrite'::regclass and pg_rewrite.oid = d.objid and rulename = '_RETURN'
    ) n (class, oid)
    where r.spreads and (n.class, n.oid) <> (r.class, r.oid) and (d.deptype in ('n', 'a') or d.deptype = 'i' and r.depth > 0)
  )
  select class, oid, max(depth) as depth, pg_describe_object(class, oid, 0) as name from reached
  where depth > 0 and coalesce(case class
      ${home}
      end not in ${within}, true)
  group by class, oid`
}
