import type { PodExamination } from '../../adapters/kubernetes/pods/port.ts'
import type { LedgerEntry } from '../../adapters/postgres/port.ts'
import type { PhaseContext } from '../phase.ts'
import { known, type Looking, type Seen } from './seen.ts'
import { oneRow, query } from './webhook-facts.ts'

export interface GracePeriodFacts {
  readonly table: string
  /** The pattern of the line that the middleware logs when it is loaded. */
  readonly logLine: string
  /** Undefined when there is no such Deployment. */
  readonly pods: Seen<readonly LoadedPod[] | undefined>
  readonly existence: Seen<{ readonly exists: boolean }>
  /** Undefined when there is no table to count. Only numbers are read, never rows. */
  readonly rows: Seen<{ readonly total: number; readonly open: number; readonly ended: number } | undefined>
  readonly security: Seen<RowSecurity | undefined>
  readonly ledger: Seen<{
    readonly applied: number
    /** Migrations of purser.yaml that should have made the table, and are not in the ledger. */
    readonly missing: readonly string[]
    /** The migration that made the table. */
    readonly made: LedgerEntry | undefined
  }>
}

interface LoadedPod extends Pick<PodExamination, 'name' | 'ready' | 'startedAt'> {
  /** `unknown` says that the beginning of the pod's log is gone. */
  readonly loaded: 'yes' | 'no' | 'unknown'
}

export interface RowSecurity {
  readonly owner: string
  readonly enabled: boolean
  /** Whether the policies hold the owner of the table too. */
  readonly forced: boolean
  readonly policies: readonly Policy[]
  /** The roles with which the service is connected. */
  readonly roles: readonly ServiceRole[]
}

interface Policy {
  readonly name: string
  readonly command: string
  readonly roles: readonly string[]
}

export interface ServiceRole {
  readonly name: string
  readonly connections: number
  /** Whether row-level security does not hold the role, as it is superuser or has BYPASSRLS. */
  readonly bypasses: boolean
  readonly owns: boolean
  readonly mayRead: boolean
  /** The roles, of those that policies name, whose rights it has: their policies are its own. */
  readonly holds: readonly string[]
}

const linesRead = 500
/** A log whose first line comes later than this after its container's start has been rotated. */
const rotatedMs = 60_000

export async function gracePeriodFacts({ context, see }: Looking): Promise<GracePeriodFacts> {
  const { gracePeriodTable: table, middlewareLog: logLine } = context.service.diagnose
  const existence = await see(async (signal) => {
    const missing = await context.world.database.missingTables([table], signal)
    return { exists: missing.length === 0 }
  })
  const exists = known(existence)?.exists !== false
  const [pods, rows, security, ledger] = await Promise.all([
    see((signal) => loadedPods(context, logLine, signal)),
    see((signal) => (exists ? counts(context, table, signal) : nothing())),
    see((signal) => (exists ? rowSecurity(context, table, signal) : nothing())),
    see((signal) => ledgerOf(context, table, signal)),
  ])
  return { table, logLine, pods, existence, rows, security, ledger }
}

const nothing = () => Promise.resolve(undefined)

async function loadedPods({ world, service }: PhaseContext, logLine: string, signal: AbortSignal) {
  const wanted = new RegExp(logLine, 'i')
  const pods = await world.cluster.examinePods(service.deployment, service.container, signal)
  if (pods === undefined) return undefined
  return Promise.all(
    pods.map(async ({ name, ready, startedAt }): Promise<LoadedPod> => {
      const part = { pod: name, container: service.container, from: 'start', lines: linesRead } as const
      const log = await world.cluster.readLog(part, signal)
      const first = Date.parse(log[0]?.timestamp ?? '')
      const whole = startedAt !== undefined && first - Date.parse(startedAt) < rotatedMs
      const loaded = log.some(({ text }) => wanted.test(text)) ? 'yes' : whole ? 'no' : 'unknown'
      return { name, ready, startedAt, loaded }
    }),
  )
}

async function counts(context: PhaseContext, table: string, signal: AbortSignal) {
  const sql = `select count(*), count(*) filter (where expires_at > now()), count(*) filter (where expires_at <= now()) from ${table}`
  const [total, open, ended] = oneRow(await query(context, sql, signal))
  return { total: Number(total), open: Number(open), ended: Number(ended) }
}

async function rowSecurity(context: PhaseContext, table: string, signal: AbortSignal): Promise<RowSecurity> {
  // Purser's own connections tell nothing about the service; a configured role is looked at even if it is not
  // connected.
  const { serviceRole } = context.service.diagnose
  const who =
    serviceRole === undefined
      ? `select usename as name, count(*) as connections from pg_stat_activity
         where datname = current_database() and backend_type = 'client backend' and application_name not like 'purser%'
           and application_name not in ('pg_dump', 'pg_restore', 'psql') and usename is not null group by usename`
      : `select '${serviceRole}'::name as name, 0 as connections`
  const [state, policies, roles] = await Promise.all([
    query(
      context,
      `select pg_get_userbyid(relowner), relrowsecurity, relforcerowsecurity from pg_class where oid = to_regclass('${table}')`,
      signal,
    ),
    query(
      context,
      `select p.polname, p.polcmd, array_to_string(array(select case when r = 0 then 'public' else pg_get_userbyid(r) end from unnest(p.polroles) r), ',')
       from pg_policy p where p.polrelid = to_regclass('${table}') order by 1`,
      signal,
    ),
    query(
      context,
      `select who.name, who.connections, r.rolsuper or r.rolbypassrls, pg_has_role(r.oid, c.relowner, 'USAGE'),
         has_table_privilege(r.oid, c.oid, 'SELECT'),
         array_to_string(array(select distinct pg_get_userbyid(named) from pg_policy p, unnest(p.polroles) named
           where p.polrelid = c.oid and named <> 0 and pg_has_role(r.oid, named, 'USAGE')), ',')
       from (${who}) who join pg_roles r on r.rolname = who.name, pg_class c where c.oid = to_regclass('${table}')
       order by who.connections desc limit 5`,
      signal,
    ),
  ])
  const [owner, enabled, forced] = oneRow(state)
  return {
    owner: owner ?? '',
    enabled: enabled === 't',
    forced: forced === 't',
    policies: policies.rows.map(([name, command, list]) => ({
      name: name ?? '',
      command: commands[command ?? ''] ?? 'ALL',
      roles: (list ?? '').split(','),
    })),
    roles: roles.rows.map(([name, connections, bypasses, owns, mayRead, holds]) => ({
      name: name ?? '',
      connections: Number(connections),
      bypasses: bypasses === 't',
      owns: owns === 't',
      mayRead: mayRead === 't',
      holds: (holds ?? '').split(',').filter((one) => one !== ''),
    })),
  }
}

const commands: Readonly<Record<string, string>> = { r: 'SELECT', a: 'INSERT', w: 'UPDATE', d: 'DELETE', '*': 'ALL' }

async function ledgerOf({ world, service }: PhaseContext, table: string, signal: AbortSignal) {
  const entries = await world.database.ledger(signal)
  const makers = service.migrations.expect.filter(({ tables }) => tables.includes(table)).map(({ file }) => file)
  const version = (file: string) => /^\d+/.exec(file)?.[0]
  const entryOf = (file: string) => entries.find((entry) => entry.version === version(file))
  return {
    applied: entries.length,
    missing: makers.filter((file) => entryOf(file) === undefined),
    made: makers.map(entryOf).find((entry) => entry !== undefined),
  }
}
