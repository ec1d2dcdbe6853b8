import pg from 'pg'
import type { AccessGroup } from '../../backups/port.ts'
import { rightsIn } from '../archived-roles.ts'

/*
 * Schemas stay when a restore empties them in place, and a dump says only in what their rights differ from PostgreSQL's own defaults: put
 * on top of what was granted since, that would leave it granted. So they are set to what the backup's snapshot had.
 */

interface SchemaRights {
  /** As SQL writes it. */
  readonly schema: string
  readonly owner: string
  readonly rights: string
}

function schemasIn(access: readonly AccessGroup[]): readonly SchemaRights[] {
  return access.flatMap(({ owner, rights, objects }) =>
    objects.flatMap((object) => {
      const schema = /^schema (.+)$/s.exec(object)?.[1]
      return schema === undefined ? [] : [{ schema, owner, rights }]
    }),
  )
}

/** The body of a block that gives schemas the owner and the rights of the backup, where the session's role has the right to. */
export function setSchemaRights(access: readonly AccessGroup[]): string {
  return `
declare who text; was text;
begin
${schemasIn(access).map(settingOf).join('\n')}
end`
}

function settingOf({ schema, owner, rights }: SchemaRights): string {
  const name = pg.escapeLiteral(schema)
  const grants = rightsIn(rights).flatMap(({ role, rights: list }) =>
    [false, true].flatMap((grantable) => {
      const these = list.filter((right) => right.endsWith('*') === grantable).map((right) => right.replace('*', ''))
      if (these.length === 0) return []
      return [`grant ${these.join(', ')} on schema ${schema} to ${role}${grantable ? ' with grant option' : ''}`]
    }),
  )
  return `  select quote_ident(pg_get_userbyid(nspowner)) into was from pg_namespace
    where oid = to_regnamespace(${name}) and pg_has_role(current_user, nspowner, 'USAGE');
  if was is not null then
    if was <> ${pg.escapeLiteral(owner)} then execute ${pg.escapeLiteral(`alter schema ${schema} owner to ${owner}`)}; end if;
    for who in select distinct case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end
      from pg_namespace n, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) where n.oid = to_regnamespace(${name})
    loop execute format('revoke all on schema %s from %s', ${name}, who); end loop;
${grants.map((grant) => ['    execute', `${pg.escapeLiteral(grant)};`].join(' ')).join('\n')}
  end if;`
}
