/*
 * Default privileges of the role that restores would be given to everything that it makes again, also to what had been taken away from
 * it: a dump says only in what an object differs from PostgreSQL's own defaults. So within the transaction they are put aside first, and
 * put back at its end. See https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html.
 */

/** A table of this transaction alone. */
const table = 'pg_temp.purser_default_privileges'

/** The privileges of a row of `pg_default_acl`, and those that it begins with: PostgreSQL's own, or none (null) within a schema. */
const rows = `
    select d.oid, n.nspname as schema, d.defaclobjtype as type, d.defaclacl as now,
      case when d.defaclnamespace = 0 then acldefault(case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end, d.defaclrole)
        else null end as base
    from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
    where d.defaclrole = (select oid from pg_roles where rolname = current_user)`

const statement = (verb: 'grant' | 'revoke'): string => `
      format('alter default privileges%s ${verb} %s on %s ${verb === 'grant' ? 'to' : 'from'} %s%s',
        case when schema is null then '' else format(' in schema %I', schema) end, privilege,
        case type when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'routines' when 'T' then 'types'
          when 'n' then 'schemas' else 'large objects' end,
        case grantee when 0 then 'public' else (select quote_ident(rolname) from pg_roles where oid = grantee) end,
        ${verb === 'grant' ? "case when grantable then ' with grant option' else '' end" : "''"})`

/** The privileges of one list that another lacks. */
const lacking = (of: string, from: string): string => `
    lateral (select grantee, privilege_type as privilege, is_grantable as grantable from aclexplode(${of})
      except select grantee, privilege_type, is_grantable from aclexplode(${from})) it`

/** The body of a block that notes the default privileges and takes them away. */
export const putDefaultPrivilegesAside = `
declare it record;
begin
  create temporary table purser_default_privileges on commit drop as
    select turn, sql from (
      select 1 as turn, ${statement('revoke')} as sql from (${rows}) d, ${lacking('base', 'now')}
      union all
      select 2, ${statement('grant')} from (${rows}) d, ${lacking('now', 'base')}) put_back;
  for it in
    select turn, sql from (
      select 1 as turn, ${statement('revoke')} as sql from (${rows}) d, ${lacking('now', 'base')}
      union all
      select 2, ${statement('grant')} from (${rows}) d, ${lacking('base', 'now')}) put_aside order by turn
  loop execute it.sql; end loop;
end`

/** The body of a block that puts them back. */
export const putDefaultPrivilegesBack = `
declare it record;
begin
  for it in select sql from ${table} order by turn loop execute it.sql; end loop;
end`
