import type { PurserConfig } from '../config/purser-yaml.ts'
import type { LockStore } from '../store/locks.ts'
import type { PhaseName, Run } from '../model/run.ts'
import type { RunStore } from '../store/runs.ts'
import { LaneBusy } from '../model/errors.ts'
import { planUndo } from '../model/undo-plan.ts'
import { approversOf } from './approvers.ts'

interface RollbackDependencies {
  readonly runs: RunStore
  readonly locks: LockStore
  readonly config: PurserConfig
  readonly enqueue: (run: Run, phase: PhaseName) => Promise<void>
  readonly publish: (run: number) => Promise<void>
}

/** The runbook's "Rollback Time: 10 minutes", and a few more to look at the result. */
const budgets = [
  { name: 'undo', budgetMinutes: 10 },
  { name: 'check', budgetMinutes: 5 },
] as const

/**
 * Begins the rollbacks that people, or the policy, decided on while a release was watched: each once, when the watch has
 * let go of the environment. Safe to run anywhere, any time, twice.
 */
export async function beginWantedRollbacks(deps: RollbackDependencies): Promise<void> {
  for (const number of await deps.runs.wantedRollbacks()) await beginRollback(await deps.runs.get(number), deps)
}

async function beginRollback(parent: Run, deps: RollbackDependencies): Promise<void> {
  const { runs, config } = deps
  const why = await whyNot(parent, deps)
  if (why !== undefined) {
    await runs.giveUpRollback(parent.number, { kind: 'note', text: why })
    return deps.publish(parent.number)
  }
  const policy = config.environments[parent.environment]?.policy
  const decision = parent.watch?.decision
  if (policy === undefined || decision === undefined) return
  const effects = await runs.effects(parent.number)
  try {
    const applied = await runs.createWantedRollback({
      kind: 'rollback',
      service: parent.service,
      environment: parent.environment,
      version: parent.version,
      dryRun: false,
      parent: parent.number,
      requestedBy: decision.by,
      channel: parent.channel,
      reason: decision.reason,
      plan: decision.undo ?? planUndo(parent.number, effects, { strict: config.service.rollback.strict }),
      approvalsNeeded: policy.rollbackApprovals,
      phases: budgets,
      expiresInMinutes: policy.approvalExpiryMinutes,
    })
    if (applied === undefined) return
    if (policy.rollbackApprovals > 0)
      await runs.post(applied.run.number, { kind: 'approval_request', approvers: approversOf(applied.run, policy) })
    await runs.post(parent.number, { kind: 'note', text: `Run #${applied.run.number} rolls this back.` })
    await deps.publish(parent.number)
    await deps.publish(applied.run.number)
    if (applied.enqueue !== undefined) await deps.enqueue(applied.run, applied.enqueue)
  } catch (error) {
    // Another run was faster; the next sweep sees what came of it.
    if (!(error instanceof LaneBusy)) throw error
  }
}

/** Why what was decided cannot be done any more; said in the thread. */
async function whyNot(parent: Run, { runs, locks }: RollbackDependencies): Promise<string | undefined> {
  const number = `#${parent.number}`
  if (parent.rolledBackBy !== undefined) return `Run #${parent.rolledBackBy} rolls run ${number} back already.`
  if (!parent.hasEffects) return `Run ${number} has changed nothing that could be put back.`
  const lock = await locks.find(parent.environment)
  if (lock !== undefined)
    return `Run ${number} was not rolled back: ${parent.environment} is locked (${lock.reason}). /billing unlock, then /billing rollback ${number}`
  const later = await runs.list({ environment: parent.environment, kinds: ['deploy', 'restore'], limit: 20 })
  const above = later.find((one) => one.number > parent.number && one.hasEffects)
  return above === undefined
    ? undefined
    : `Run ${number} was not rolled back: run #${above.number} has changed ${parent.environment} since.`
}
