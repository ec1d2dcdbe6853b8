import pg from 'pg'
import type { Sensitive } from '../../../../sensitive.ts'
import { type Session, withSession } from '../../connection/session.ts'

/*
 * What belongs to a database as a whole, and a dump of it therefore leaves out: settings (its own, and those of roles in it), rights,
 * connection limit, security labels. A restore by a swap copies it when the new database is made, and again where it has changed since.
 * Comment and template flag go with the name, see restores.ts.
 */

interface DatabaseFacts {
  readonly limit: number
  readonly settings: readonly { readonly role: string | null; readonly name: string; readonly value: string }[]
  /** Written out, also where they are PostgreSQL's own defaults. */
  readonly rights: readonly { readonly grantee: string | null; readonly right: string; readonly grantable: boolean }[]
  readonly labels: readonly { readonly provider: string; readonly label: string }[]
}

async function factsOf(session: Session, name: string): Promise<DatabaseFacts | undefined> {
  const { rows } = await session.query<{ facts: DatabaseFacts }>(
    `select json_build_object(
       'limit', datconnlimit,
       'settings', (select coalesce(json_agg(one order by one.role, one.name), '[]') from (
          select case when setrole <> 0 then pg_get_userbyid(setrole) end as role, split_part(line, '=', 1) as name,
            substr(line, strpos(line, '=') + 1) as value
          from pg_db_role_setting, unnest(setconfig) as line where setdatabase = d.oid) one),
       'rights', (select coalesce(json_agg(one order by one.grantee, one."right"), '[]') from (
          select case when grantee <> 0 then pg_get_userbyid(grantee) end as grantee, privilege_type as "right",
            bool_or(is_grantable) as grantable
          from aclexplode(coalesce(datacl, acldefault('d', datdba))) group by 1, 2) one),
       'labels', (select coalesce(json_agg(json_build_object('provider', provider, 'label', label) order by provider), '[]')
          from pg_shseclabel where classoid = 'pg_database'::regclass and objoid = d.oid)) as facts
     from pg_database d where datname = $1`,
    [name],
  )
  return rows[0]?.facts
}

/** Settings that are lists of quoted names: written as one literal they would become one name. As in PostgreSQL's own pg_dumpall. */
const quotedLists = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
])

/** Lists the statements after which the database `name` has these facts, whatever it had before (`now`). Pure. */
function statementsFor(name: string, wanted: DatabaseFacts, now: DatabaseFacts): readonly string[] {
  const target = pg.escapeIdentifier(name)
  const place = (role: string | null): string =>
    role === null ? `database ${target}` : `role ${pg.escapeIdentifier(role)} in database ${target}`
  const settings = wanted.settings.flatMap(({ role, name: setting, value }) => {
    const named = setting.split('.').map((part) => pg.escapeIdentifier(part))
    const alter = `alter ${place(role)} set ${named.join('.')}`
    if (!quotedLists.has(setting.toLowerCase())) return [`${alter} to ${pg.escapeLiteral(value)}`]
    const [key, text] = [pg.escapeLiteral(setting), pg.escapeLiteral(value)]
    return [`select set_config(${key}, ${text}, false)`, `${alter} from current`, `reset ${named.join('.')}`]
  })
  const to = (grantee: string | null): string => (grantee === null ? 'public' : pg.escapeIdentifier(grantee))
  const sameRights = JSON.stringify(wanted.rights) === JSON.stringify(now.rights)
  return [
    ...new Set(now.settings.map(({ role }) => `alter ${place(role)} reset all`)),
    ...settings,
    ...(sameRights
      ? []
      : [
          ...new Set(now.rights.map(({ grantee }) => `revoke all on database ${target} from ${to(grantee)}`)),
          ...wanted.rights.map(
            ({ grantee, right, grantable }) =>
              `grant ${right} on database ${target} to ${to(grantee)}${grantable ? ' with grant option' : ''}`,
          ),
        ]),
    ...(wanted.limit === now.limit ? [] : [`alter database ${target} connection limit ${wanted.limit}`]),
    ...wanted.labels.map(
      ({ provider, label }) =>
        `security label for ${pg.escapeIdentifier(provider)} on database ${target} is ${pg.escapeLiteral(label)}`,
    ),
  ]
}

interface Copy {
  /** The database that has them. */
  readonly from: string
  /** The database that gets them, and its address. */
  readonly to: string
  readonly target: Sensitive
}

/** Copies what belongs to a database as a whole, unless the other has it already. The session may be in any database of the server. */
export async function copyDatabaseFacts(session: Session, { from, to, target }: Copy, signal: AbortSignal) {
  const wanted = await factsOf(session, from)
  const now = await factsOf(session, to)
  if (wanted === undefined || now === undefined || JSON.stringify(wanted) === JSON.stringify(now)) return
  await withSession(target, `copying settings and grants to ${to}`, signal, async (elsewhere) => {
    await elsewhere.query('begin')
    for (const statement of statementsFor(to, wanted, now)) await elsewhere.query(statement)
    await elsewhere.query('commit')
  })
}

const none: DatabaseFacts = { limit: -1, settings: [], rights: [], labels: [] }
const tryLimitMs = 2_000

/**
 * Tells what of a database as a whole the session's role could not give another one, by giving it to the live one in a transaction that is
 * rolled back: settings that only superusers may set, roles that it may not alter. Only rows of shared catalogs are locked meanwhile.
 */
export async function whyFactsCannotBeCopied(session: Session, live: string): Promise<string | undefined> {
  const facts = await factsOf(session, live)
  if (facts === undefined) return undefined
  await session.query('begin')
  let tried = ''
  try {
    await session.query(`set local lock_timeout = ${tryLimitMs}`)
    await session.query(`set local statement_timeout = ${tryLimitMs}`)
    for (const statement of statementsFor(live, facts, none)) {
      tried = statement
      await session.query(statement)
    }
    return undefined
  } catch (error) {
    return `what the database has as a whole can't be copied: ${error instanceof Error ? error.message : String(error)} (${withoutValue(tried)})`
  } finally {
    await session.query('rollback')
  }
}

/** The statement without what is set, which may be a secret. */
function withoutValue(statement: string): string {
  return statement.replace(/ to '.*$/s, '').replace(/ is '.*$/s, '')
}
