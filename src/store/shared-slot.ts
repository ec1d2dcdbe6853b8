import { EnvironmentBusy } from '../model/errors.ts'
import { isReadOnly } from '../model/kinds.ts'
import type { Run } from '../model/run.ts'
import type { Sql } from './database.ts'

/**
 * Raises EnvironmentBusy when this run executes from now on, and another one does in an environment that touches the same
 * things. Within one environment a unique index says so. Whoever asks at the same moment waits for the other.
 */
export async function refuseShared(sql: Sql, run: Run, sharing: readonly string[]): Promise<void> {
  const others = sharing.filter((name) => name !== run.environment)
  if (run.status !== 'executing' || isReadOnly(run) || others.length === 0) return
  const key = `purser:slot:${[run.environment, ...others].toSorted().join(' ')}`
  await sql.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [key])
  const { rows } = await sql.query<{ number: string; kind: Run['kind']; environment: string }>(
    `select number, kind, environment from purser.runs
     where environment = any($1) and status in ('executing', 'cancelling') order by number`,
    [others],
  )
  const holder = rows.find((one) => !isReadOnly(one))
  if (holder !== undefined) throw new EnvironmentBusy(run.environment, Number(holder.number), holder.environment)
}
