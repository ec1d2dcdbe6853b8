import { hangingQuery } from './dependents.ts'

/*
 * What other schemas have made of the restored ones goes along when these are emptied (`cascade`), and is in no backup of some schemas. The
 * ordinary kinds are noted within the transaction, each as the statements that make it again, and made again once the schemas are filled:
 * triggers, policies, foreign keys, plain views, memberships in publications. The server itself writes their definitions.
 */

/** A table of this transaction alone. */
const table = 'pg_temp.purser_outside'

const name = (oid: string): string =>
  `(select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = ${oid})`
const role = (oid: string): string => `case ${oid} when 0 then 'public' else quote_ident(pg_get_userbyid(${oid})) end`
const comment = (what: string, text: string): string =>
  `case when ${text} is not null then format('comment on ${what} is %L', ${text}) end`

/** Whether the session's role may make something for that owner. */
const gives = (owner: string): string =>
  `pg_has_role(current_user, ${owner}, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end)`

const triggers = `
  select 'pg_trigger'::regclass::oid as class, t.oid, 3 as turn,
    has_table_privilege(t.tgrelid, 'TRIGGER') and (t.tgenabled = 'O' or pg_has_role(current_user, r.relowner, 'USAGE')) as may,
    case when t.tgparentid = 0 then array[pg_get_triggerdef(t.oid),
      case t.tgenabled when 'O' then null else format('alter table %s %s trigger %I', ${name('t.tgrelid')},
        case t.tgenabled when 'D' then 'disable' when 'R' then 'enable replica' else 'enable always' end, t.tgname) end,
      ${comment("trigger ' || quote_ident(t.tgname) || ' on ' || " + name('t.tgrelid') + " || '", "obj_description(t.oid, 'pg_trigger')")}] else '{}' end as statements
  from pg_trigger t join pg_class r on r.oid = t.tgrelid where not t.tgisinternal`

const policies = `
  select 'pg_policy'::regclass::oid as class, p.oid, 4 as turn, pg_has_role(current_user, r.relowner, 'USAGE'),
    array[format('create policy %I on %s as %s for %s to %s', p.polname, ${name('p.polrelid')},
      case when p.polpermissive then 'permissive' else 'restrictive' end,
      case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
      (select string_agg(${role('one')}, ', ') from unnest(p.polroles) one))
      || coalesce(' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
      || coalesce(' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''),
      ${comment("policy ' || quote_ident(p.polname) || ' on ' || " + name('p.polrelid') + " || '", "obj_description(p.oid, 'pg_policy')")}]
  from pg_policy p join pg_class r on r.oid = p.polrelid`

const foreignKeys = `
  select 'pg_constraint'::regclass::oid, k.oid, 2, pg_has_role(current_user, r.relowner, 'USAGE'),
    case when k.conparentid = 0 then array[
      format('alter table %s add constraint %I %s', ${name('k.conrelid')}, k.conname, pg_get_constraintdef(k.oid)),
      ${comment("constraint ' || quote_ident(k.conname) || ' on ' || " + name('k.conrelid') + " || '", "obj_description(k.oid, 'pg_constraint')")}] else '{}' end
  from pg_constraint k join pg_class r on r.oid = k.conrelid where k.contype = 'f'`

const grants = (
  list: string,
  part: string,
): string => `(select array_agg(format('grant %s${part} on %s to %s%s', privilege_type, ${name('v.oid')}, ${role('grantee')},
    case when is_grantable then ' with grant option' else '' end)) from aclexplode(${list}))`

/** A view, and what is a part of it: its rule, and its type with that of its arrays. */
const views = `
  select part.class, part.oid, 1, ${gives('v.relowner')} and has_schema_privilege(v.relnamespace, 'create')
      and not exists (select from pg_seclabel where classoid = 'pg_class'::regclass and objoid = v.oid),
    case when part.oid <> v.oid then '{}' else
      array[format('create view %s%s as %s', ${name('v.oid')},
        coalesce(' with (' || array_to_string(v.reloptions, ', ') || ')', ''), pg_get_viewdef(v.oid)),
        format('alter view %s owner to %I', ${name('v.oid')}, pg_get_userbyid(v.relowner)),
        ${comment("view ' || " + name('v.oid') + " || '", "obj_description(v.oid, 'pg_class')")},
        case when v.relacl is not null then format('revoke all on %s from %I', ${name('v.oid')}, pg_get_userbyid(v.relowner)) end]
      || ${grants('v.relacl', '')}
      || (select array_agg(one order by a.attnum) from pg_attribute a, unnest(
          array[${comment("column ' || " + name('v.oid') + " || '.' || quote_ident(a.attname) || '", 'col_description(v.oid, a.attnum)')}]
          || ${grants('a.attacl', " (' || quote_ident(a.attname) || ')")}) one where a.attrelid = v.oid and a.attnum > 0) end
  from pg_class v, lateral (select 'pg_class'::regclass::oid, v.oid
      union all select 'pg_rewrite'::regclass, r.oid from pg_rewrite r where r.ev_class = v.oid and r.rulename = '_RETURN'
      union all select 'pg_type'::regclass, t.oid from pg_type t where t.oid = v.reltype or t.typelem = v.reltype and v.reltype <> 0) part (class, oid)
  where v.relkind = 'v'`

/** Without a filter of rows or a list of columns, which servers before 15 don't know. */
const memberships = `
  select 'pg_publication_rel'::regclass::oid, m.oid, 5, pg_has_role(current_user, p.pubowner, 'USAGE'),
    array[format('alter publication %I add table only %s', p.pubname, ${name('m.prrelid')})], ${name('m.prrelid')}
  from pg_publication_rel m join pg_publication p on p.oid = m.prpubid
  where to_jsonb(m) ->> 'prqual' is null and to_jsonb(m) ->> 'prattrs' is null`

/** Of what can't be made again; parts of a view (its rule, its types) are named by it. */
export const refused = `not remade and statements is distinct from '{}'`

/**
 * Makes the query for everything that would go along: its `name`, whether it is made again (`remade`), and by which `statements`, in which
 * order (`turn`, `depth`), and the table that has to be there for it (`needs`).
 */
export function outsideObjects(schemas: readonly string[]): string {
  return `
  select hanging.name,
    -- What an extension has could be made again, but not as its own.
    coalesce(made.may, false) and not exists (select from pg_depend where classid = class and objid = oid and deptype = 'e') as remade, made.turn, hanging.depth,
    array_remove(made.statements, null) as statements, made.needs
  from (${hangingQuery(schemas)}) hanging
  left join (${[triggers, policies, foreignKeys, views].map((one) => `select *, null as needs from (${one}) one`).join('\n  union all ')}
    union all ${memberships}) made using (class, oid)`
}

/** The body of a block that notes what will be made again, and raises for what can't be: since the plan it may have come. */
export function noteOutside(schemas: readonly string[]): string {
  return `
declare names text;
begin
  -- Definitions are written with the schema of each name.
  perform set_config('search_path', '', true);
  create temporary table purser_outside on commit drop as ${outsideObjects(schemas)};
  select string_agg(name, '; ') into names from (select name from ${table} where ${refused} order by 1 limit 20) first_ones;
  if names is not null then raise exception 'what other schemas have depends on it: %', names; end if;
end`
}

/** The body of a block that makes it again, and raises where less is there than before. */
export function remakeOutside(schemas: readonly string[]): string {
  return `
declare it text; names text;
begin
  perform set_config('search_path', '', true);
  -- A table that the backup does not know is published no more.
  delete from ${table} where to_regclass(needs) is null and needs is not null;
  foreach it in array (select coalesce(array_agg(statement order by turn, depth, name, place), '{}')
      from ${table}, unnest(statements) with ordinality as s (statement, place))
  loop execute it; end loop;
  select string_agg(name, '; ') into names from (
    select name from ${table} except select name from (${hangingQuery(schemas)}) now limit 20) gone;
  if names is not null then raise exception 'what other schemas had could not be made again: %', names; end if;
end`
}
