import type { Sensitive } from '../../../../sensitive.ts'
import { transactionPooled } from '../../connection/pooling.ts'
import { type Session, withSession } from '../../connection/session.ts'
import { DatabaseError } from '../../errors.ts'
import { whyRolesLack } from '../archived-roles.ts'
import { whyFactsCannotBeCopied } from './database-facts.ts'
import { findDatabase } from '../new-database.ts'
import type { BackupToSwap } from '../port.ts'
import { roleFacts } from '../../rights/role-facts.ts'
import { whyNotAnew } from '../../rights/role-problems.ts'
import { whyPreparedTransactions } from '../prepared-transactions.ts'
import { outside } from './swap.ts'

/**
 * Tells why databases cannot be swapped here; undefined when they can. Whatever could make the last step fail is asked here: hours may lie
 * between, and then the service is stopped.
 */
export async function whyNotSwap(
  url: Sensitive,
  live: string,
  { by, access = [], kept }: BackupToSwap,
  signal: AbortSignal,
): Promise<string | undefined> {
  const doing = 'asking whether databases can be swapped'
  const problem = await withSession(url, doing, signal, async (session) => {
    if (await transactionPooled(session, url, signal)) return 'the address leads to a transaction-mode pooler'
    return (
      (await whyNoRight(session, live)) ??
      (await whyPreparedTransactions(session)) ??
      (await whyRolesLack(session, access)) ??
      // What a command brings back is that command's, and so are the rights which it takes.
      (by === 'command' ? undefined : whyNotAnew(await roleFacts(session, undefined))) ??
      (await whyKept(session, kept)) ??
      (await whyWorkersStay(session)) ??
      (await whyFactsCannotBeCopied(session, live))
    )
  })
  if (problem !== undefined) return problem
  try {
    await outside(url, doing, signal, (session) => session.query('select 1'))
    return undefined
  } catch (error) {
    if (error instanceof DatabaseError && !error.transient) return `no other database can be reached: ${error.message}`
    throw error
  }
}

interface Rights {
  readonly may: boolean
  readonly owns: boolean
  readonly gives: boolean
  readonly owner: string
  readonly places: boolean
  readonly user: string
  readonly standby: boolean
}

async function whyNoRight(session: Session, live: string): Promise<string | undefined> {
  const { rows } = await session.query<Rights>(`
    select rolcreatedb or rolsuper as may, rolname as user, pg_is_in_recovery() as standby,
      -- To rename is up to those who have the owner's rights without SET ROLE; to give it to the owner, to those who may become it.
      pg_has_role(current_user, datdba, 'USAGE') as owns, pg_get_userbyid(datdba) as owner,
      pg_has_role(current_user, datdba, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end) as gives,
      (select spcname = 'pg_default' or has_tablespace_privilege(t.oid, 'create') from pg_tablespace t where t.oid = dattablespace) as places
    from pg_roles, pg_database where rolname = current_user and datname = current_database()`)
  const [found] = rows
  if (found?.standby) return 'this server is a standby'
  if (!found?.may) return `${found?.user ?? 'the user'} isn't allowed to create databases (CREATEDB)`
  if (!found.owns) return `${found.user} does not own the database ${live}`
  if (!found.gives)
    return `${found.user} can't make a database for ${found.owner} (it has to be a member of ${found.owner})`
  return found.places ? undefined : `${found.user} isn't allowed to create databases in the tablespace of ${live}`
}

async function whyKept(session: Session, kept: string | undefined): Promise<string | undefined> {
  if (kept === undefined || (await findDatabase(session, kept)) === undefined) return undefined
  return `there is a database ${kept} already`
}

/** What connects by itself and may not be ended, such as the launcher of pg_cron, would be there again at each try. */
async function whyWorkersStay(session: Session): Promise<string | undefined> {
  const { rows } = await session.query<{ what: string; user: string }>(`
    select a.backend_type as what, current_user::text as user from pg_stat_activity a left join pg_roles r on r.oid = a.usesysid
    where a.datname = current_database()
      and a.backend_type not in ('client backend', 'autovacuum worker', 'parallel worker')
      and not (select rolsuper from pg_roles where rolname = current_user)
      and (coalesce(r.rolsuper, true) or not (pg_has_role(current_user, 'pg_signal_backend', 'USAGE') or pg_has_role(current_user, a.usesysid, 'USAGE')))
    order by 1 limit 1`)
  const [first] = rows
  return first && `${first.what} is connected to the database, and ${first.user} isn't allowed to end it`
}
