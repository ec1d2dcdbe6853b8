import { hashOfPlan } from '../model/deploy-plan.ts'
import type { PhaseName } from '../model/kinds.ts'
import type { NewRun } from '../model/new-run.ts'
import type { Run } from '../model/run.ts'
import type { Sql } from './database.ts'

/** Words the request for the audit. */
export function requestText({
  kind,
  version,
  environment,
  dryRun,
  breakGlass,
  freezeOverride,
  reason = '',
}: NewRun): string {
  const how = breakGlass
    ? ` without approval: ${reason}`
    : freezeOverride === undefined
      ? ''
      : ` in spite of the freeze “${freezeOverride}”: ${reason}`
  return `${kind} ${version} in ${environment}${dryRun ? ' (dry run)' : ''}${how}`
}

/** Inserts the run without its phases and returns its number. */
export async function insertRun(sql: Sql, input: NewRun, status: Run['status']): Promise<number> {
  const planHash = input.plan === undefined ? null : hashOfPlan(input.plan)
  const { rows } = await sql.query<{ number: string }>(
    `insert into purser.runs (kind, service, environment, status, version, dry_run, parent, requested_by, channel, reason,
       plan, plan_hash, approvals_needed, rotate_secret, break_glass, freeze_override, expires_at, started_at)
     values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$15,$16,$17, now() + make_interval(secs => $14 * 60), case when $4 = 'executing' then now() end)
     returning number`,
    [
      input.kind,
      input.service,
      input.environment,
      status,
      input.version,
      input.dryRun,
      input.parent ?? null,
      input.requestedBy,
      input.channel,
      input.reason ?? null,
      input.plan === undefined ? null : JSON.stringify(input.plan),
      planHash,
      input.approvalsNeeded,
      input.expiresInMinutes,
      input.rotateSecret,
      input.breakGlass,
      input.freezeOverride ?? null,
    ],
  )
  return Number(rows[0]?.number)
}

/** Makes the board of a diagnosis follow: it tells which run acts on it, and what may still be done. */
export async function touchParent(sql: Sql, { kind, parent }: Pick<Run, 'kind' | 'parent'>): Promise<void> {
  if (kind === 'fix' && parent !== undefined)
    await sql.query('update purser.runs set rev = rev + 1 where number = $1', [parent])
}

/** Inserts its phases; `queued` is the one whose job is enqueued at once. */
export async function insertPhases(sql: Sql, run: number, input: NewRun, queued: PhaseName | undefined): Promise<void> {
  for (const [ordinal, phase] of input.phases.entries())
    await sql.query(
      `insert into purser.phases (run, ordinal, name, status, budget_minutes, queued_at)
       values ($1, $2, $3, $4, $5, case when $4 = 'queued' then now() end)`,
      [run, ordinal, phase.name, phase.name === queued ? 'queued' : 'pending', phase.budgetMinutes],
    )
}
