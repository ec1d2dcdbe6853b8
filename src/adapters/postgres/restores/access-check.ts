import pg from 'pg'
import { accessQuery } from '../backups/access.ts'
import type { BackupManifest } from '../backups/port.ts'
import type { Session } from '../connection/session.ts'
import { BackupError } from '../errors.ts'

/*
 * Holds owners and rights of a restored database against those that the backup's snapshot had. Rows and sequences alone would not tell
 * that somebody may read now what they might not read then.
 */

/** What a manifest says of owners and rights, and of the server that it is about. */
export type ExpectedAccess = Pick<BackupManifest, 'access' | 'schemas'> & Partial<Pick<BackupManifest, 'serverVersion'>>

const mostNamed = 20

/** Whose rights the session's role can't set. */
const schemasOfOthers = `select 'schema ' || quote_ident(nspname) from pg_namespace where not pg_has_role(current_user, nspowner, 'USAGE')`

/**
 * Makes the query for what has another owner or other rights than in the backup: one line each, `line`. In place (`content`) only what is
 * exchanged is compared: default privileges stay as they are now.
 */
export function accessDifferences(
  { access = [], schemas, serverVersion }: ExpectedAccess,
  compared: 'everything' | 'content',
): string {
  const only =
    compared === 'everything' ? '' : `where object !~ '^default privileges of ' and object not in (${schemasOfOthers})`
  return `
  with wanted as (
    select object, g ->> 'owner' as owner, g ->> 'rights' as rights
    from jsonb_array_elements(${pg.escapeLiteral(JSON.stringify(access))}::jsonb) g, jsonb_array_elements_text(g -> 'objects') object
  ), found as (${accessQuery(schemas, serverVersion)}),
  both_ways as (
    (select object, owner, rights, true as now from found except select object, owner, rights, true from wanted)
    union all
    (select object, owner, rights, false from wanted except select object, owner, rights, false from found)
  )
  select format('%s: %s, in the backup %s', object,
    coalesce(string_agg(concat_ws(', ', 'owner ' || nullif(owner, ''), coalesce(nullif(rights, ''), 'no rights')), ' and ') filter (where now), 'not there'),
    coalesce(string_agg(concat_ws(', ', 'owner ' || nullif(owner, ''), coalesce(nullif(rights, ''), 'no rights')), ' and ') filter (where not now), 'not there')) as line
  from both_ways ${only} group by object order by object`
}

/** The body of a block that raises when owners or rights are not those of the backup. */
export function requireAccess(expected: ExpectedAccess): string {
  return `
declare wrong text;
begin
  select string_agg(line, chr(10)) into wrong from (select line from (${accessDifferences(expected, 'content')}) different limit ${mostNamed}) first_ones;
  if wrong is not null then raise exception 'owners or rights are not as in the backup: %', wrong; end if;
end`
}

/** Raises `restore_differs` when a restored database has other owners or rights than the backup's snapshot. */
export async function compareAccess(session: Session, expected: ExpectedAccess, doing: string): Promise<void> {
  if (expected.access === undefined) return
  const { rows } = await session.query<{ line: string }>(accessDifferences(expected, 'everything'))
  if (rows.length === 0) return
  throw new BackupError(
    'restore_differs',
    `${doing}: ${rows.length} objects have other owners or rights than in the backup`,
    {
      hint: 'The live database is unchanged. Compare the roles, and the rights of the user of the database address.',
      evidence: rows.slice(0, mostNamed).map(({ line }) => line),
    },
  )
}
