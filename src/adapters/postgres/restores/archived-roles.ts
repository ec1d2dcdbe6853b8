import type { AccessGroup } from '../backups/port.ts'
import type { Session } from '../connection/session.ts'

/** An entry of a list of rights: a role, quoted where SQL needs it, and what it may do. */
const entry = /("(?:[^"]|"")*"|[^";: ]+): ([a-z ,*]+)(?:; |$)/g

/** Takes "anon: select, update*; app: delete" apart. Pure. */
export function rightsIn(rights: string): readonly { readonly role: string; readonly rights: readonly string[] }[] {
  return [...rights.matchAll(entry)].map(([, role = '', list = '']) => ({ role, rights: list.split(', ') }))
}

/**
 * Tells of a role of the backup that this server lacks, or to which the session's role can give nothing: `pg_restore` would fail there,
 * and in place it would do so while the service is stopped. Undefined when there is none.
 */
export async function whyRolesLack(session: Session, access: readonly AccessGroup[]): Promise<string | undefined> {
  const owners = new Map<string, string>()
  const named = new Set<string>()
  for (const { owner, rights, objects } of access) {
    if (owner !== '' && !owners.has(owner)) owners.set(owner, objects[0] ?? '')
    for (const { role } of rightsIn(rights)) if (role !== 'public') named.add(role)
  }
  const { rows } = await session.query<{ role: string; there: boolean; user: string }>(
    // Since 16 a role may be a member of another without being allowed to give it anything.
    `select role, to_regrole(role) is not null as there, current_user::text as user
     from unnest($1::text[], $2::boolean[]) as wanted (role, owns)
     where case when to_regrole(role) is null then true else owns and not pg_has_role(current_user, to_regrole(role)::oid,
       case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end) end
     order by there, role`,
    [
      [...owners.keys(), ...named],
      [...[...owners].map(() => true), ...[...named].map(() => false)],
    ],
  )
  const [first] = rows
  if (first === undefined) return undefined
  if (!first.there) return `the backup names role ${first.role}, which this server does not have`
  return `${first.user} can't make ${first.role} the owner of ${owners.get(first.role) ?? 'its objects'} (it has to be a member of ${first.role})`
}
