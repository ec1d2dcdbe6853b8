import type { PurserConfig } from '../config/purser-yaml.ts'
import { deployPhases } from '../runs/model.ts'
import type { Answer, Ask, Desk } from './desk.ts'
import { environmentOf, follow, guard, guardLock, silent } from './desk.ts'
import type { Command } from './parse.ts'

/** `/billing deploy VERSION [ENV] [--dry-run]` and `/billing plan VERSION [ENV]`: a run that begins by planning. */
export async function deploy(
  ask: Ask,
  command: Extract<Command, { name: 'deploy' | 'plan' }>,
  desk: Desk,
): Promise<Answer> {
  const name = command.environment ?? desk.config.defaultEnvironment
  await guard(desk, ask, 'deploy', name)
  if (!command.dryRun) await guardLock(desk, name)
  const { policy } = environmentOf(desk, name)
  const applied = await desk.runs.create({
    kind: 'deploy',
    service: desk.config.service.name,
    environment: name,
    version: command.version,
    dryRun: command.dryRun,
    parent: undefined,
    requestedBy: ask.user,
    channel: ask.channel,
    reason: undefined,
    plan: undefined,
    approvalsNeeded: policy.approvals,
    phases: deployBudgets(desk.config),
    expiresInMinutes: policy.approvalExpiryMinutes,
  })
  await follow(desk, applied)
  return silent
}

const planMinutes = 2

function deployBudgets({ service }: PurserConfig) {
  const chapters = deployPhases.map((name) => ({ name, budgetMinutes: budgetOf(service, name) }))
  return [{ name: 'plan' as const, budgetMinutes: planMinutes }, ...chapters]
}

function budgetOf(service: PurserConfig['service'], phase: (typeof deployPhases)[number]): number {
  return phase === 'monitor' ? service.monitor.minutes : service.phases[phase].minutes
}
