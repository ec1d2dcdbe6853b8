import type { PurserConfig } from '../config/purser-yaml.ts'
import { rollbackRefusalText } from '../messages/refusals.ts'
import { EnvironmentBusy } from '../model/errors.ts'
import { type PhaseName, undoableKinds } from '../model/kinds.ts'
import { type NewRun, newRun, type PhaseMinutes } from '../model/new-run.ts'
import { isRestorePlan, type Run } from '../model/run.ts'
import { takenBack } from '../model/taken-back.ts'
import { planUndo, type UndoPlan } from '../model/undo-plan.ts'
import { type RollbackRefusal, whyNotRollBack } from '../model/why-not-roll-back.ts'
import type { Applied, RunStore } from '../store/runs.ts'
import { approvalsNeeded } from './approvals-needed.ts'
import { approversOf } from './approvers.ts'
import { boundPlan } from './bound-plan.ts'

/*
 * The one way in which a rollback begins. People confirm a dialog; while a release is watched, people or the policy
 * decide, and the reconciler begins the rollback once the watch has let go of the environment slot. Both ask
 * `rollbackRefusal` and both call `beginRollback`, so that what is refused to one is refused to the other.
 */

export interface RollbackDependencies {
  readonly runs: RunStore
  readonly config: PurserConfig
  readonly enqueue: (run: Run, phase: PhaseName) => Promise<void>
  readonly publish: (run: number) => Promise<void>
  readonly now: () => Date
}

/** What was decided, and by whom. */
interface RollbackRequest {
  readonly parent: Run
  /** What will be undone, as the person who decided saw it. */
  readonly undo: UndoPlan
  readonly requestedBy: string
  readonly reason: string | undefined
  /** No approval is asked for: the policy lets this person do so in an emergency. */
  readonly breakGlass?: boolean
}

/** The number of the newest deploys and restores among which one that came later is looked for. */
const newest = 20

/** Tells why this run cannot be rolled back now; undefined when it can. */
export async function rollbackRefusal(
  run: Run,
  { runs, config, now }: Omit<RollbackDependencies, 'enqueue' | 'publish'>,
): Promise<RollbackRefusal | undefined> {
  const others = await runs.list({ environment: run.environment, kinds: undoableKinds, limit: newest })
  const hours = config.environments[run.environment]?.policy.rollbackButtonHours ?? 0
  return whyNotRollBack(run, { others, hours, now: now() })
}

/** Makes the list of what a rollback of this run would undo now. */
export async function undoOf(
  run: Run,
  { runs, config }: Pick<RollbackDependencies, 'runs' | 'config'>,
): Promise<UndoPlan> {
  const [effects, newer] = await Promise.all([
    runs.effects(run.number),
    runs.list({ environment: run.environment, kinds: undoableKinds, limit: newest }),
  ])
  const later = newer.filter(({ number }) => number > run.number)
  const gone = takenBack(
    await Promise.all(
      later.map(async ({ number, plan }) => ({
        number,
        plan: isRestorePlan(plan) ? plan : undefined,
        effects: await runs.effects(number),
      })),
    ),
  )
  return planUndo(run.number, effects, { strict: config.service.rollback.strict, takenBack: gone })
}

/**
 * Begins the rollback as a run of its own, calls its approvers and tells the thread of the run that it undoes. Raises
 * EnvironmentBusy when another run executes there. Returns undefined when `create` found that somebody else has begun
 * it.
 */
export async function beginRollback(
  { parent, undo, requestedBy, reason, breakGlass = false }: RollbackRequest,
  { runs, config, enqueue, publish }: RollbackDependencies,
  create: (run: NewRun & { readonly parent: number }) => Promise<Applied | undefined> = (run) => runs.create(run),
): Promise<Applied | undefined> {
  const policy = config.environments[parent.environment]?.policy
  if (policy === undefined) return undefined
  const { service, environment, version, channel } = parent
  const needed = breakGlass ? 0 : approvalsNeeded({ kind: 'rollback' }, policy, parent.kind)
  const run = newRun('rollback', {
    service,
    environment,
    version,
    channel,
    parent: parent.number,
    requestedBy,
    reason,
    plan: boundPlan(undo, environment, config),
    approvalsNeeded: needed,
    breakGlass,
    minutes: rollbackMinutes(parent),
    expiresInMinutes: policy.approvalExpiryMinutes,
  })
  const applied = await create({ ...run, parent: parent.number })
  if (applied === undefined) return undefined
  if (needed > 0)
    await runs.post(applied.run.number, { kind: 'approval_request', approvers: approversOf(applied.run, policy) })
  await runs.post(parent.number, { kind: 'note', text: `Run #${applied.run.number} rolls this back.` })
  await publish(parent.number)
  await publish(applied.run.number)
  if (applied.enqueue !== undefined) await enqueue(applied.run, applied.enqueue)
  return applied
}

/**
 * Estimates the rollback of a restore in place, which is another restore: four times what the plan measured for one.
 */
function rollbackMinutes({ plan }: Run): PhaseMinutes {
  const inPlace = isRestorePlan(plan) ? plan.inPlace : undefined
  if (inPlace === undefined) return {}
  return { undo: 10 + Math.ceil(((inPlace.downtimeMs ?? 10 * 60_000) * 4) / 60_000) }
}

/**
 * Begins the rollbacks that people, or the policy, decided on while a release was watched: each once, when the watch
 * has let go of the environment. It may run anywhere, at any time, and twice.
 */
export async function beginWantedRollbacks(deps: RollbackDependencies): Promise<void> {
  for (const number of await deps.runs.wantedRollbacks()) await beginWanted(await deps.runs.get(number), deps)
}

async function beginWanted(parent: Run, deps: RollbackDependencies): Promise<void> {
  const { runs } = deps
  const refusal = await rollbackRefusal(parent, deps)
  if (refusal !== undefined) {
    const text = `It was not rolled back: ${rollbackRefusalText(parent, refusal)}`
    await runs.giveUpRollback(parent.number, { kind: 'note', text })
    return deps.publish(parent.number)
  }
  const decision = parent.watch?.decision
  if (decision === undefined) return
  const undo = decision.undo ?? (await undoOf(parent, deps))
  const { by: requestedBy, reason } = decision
  try {
    await beginRollback({ parent, undo, requestedBy, reason }, deps, (run) => runs.createWantedRollback(run))
  } catch (error) {
    // Another run was faster; the next sweep sees what came of it.
    if (!(error instanceof EnvironmentBusy)) throw error
  }
}
