import { z } from 'zod'
import { approversOf } from '../jobs/approvers.ts'
import { rollbackLookingView, rollbackView } from '../messages/dialogs/dialogs.ts'
import { PurserError } from '../errors.ts'
import { type RollbackTarget, targetOf } from '../model/rollback-target.ts'
import type { Effect } from '../model/effects.ts'
import { isRestorePlan, isUndoPlan, type Run } from '../model/run.ts'
import { hashOfPlan } from '../model/deploy-plan.ts'
import { rollbackUntil } from '../model/rollback-window.ts'
import { planUndo, type UndoPlan, withRollbackTarget } from '../model/undo-plan.ts'
import { currentWatch, watchChoices } from '../model/watch.ts'
import { hasMoved, lookedAt } from './rollback-dialog.ts'
import {
  type Answer,
  type Caller,
  type CommandContext,
  environmentOf,
  publishAndEnqueue,
  guard,
  guardLock,
  refuse,
  silent,
} from './command-context.ts'
import { whySchemaForbids } from './schema-guard.ts'

const Metadata = z.object({
  run: z.number().int().positive(),
  /** Of what would be undone, as the dialog lists it. */
  hash: z.string(),
  channel: z.string(),
  /** What would run, as the dialog shows it; missing when the deployment is not put back. */
  rollbackTarget: z
    .custom<RollbackTarget>((one) => z.object({ kind: z.enum(['seen', 'unseen']) }).safeParse(one).success)
    .optional(),
})

/**
 * `/billing rollback [#N] [--to-revision K]` and the Roll back button: shows exactly what would be undone and what would
 * run then; changes nothing yet.
 */
export async function openRollbackDialog(
  caller: Caller,
  asked: number | undefined,
  context: CommandContext,
  revision?: number,
): Promise<Answer> {
  const run = asked === undefined ? await newestDeployWithEffects(context) : await context.runs.get(asked)
  if (run === undefined)
    return refuse(
      'There is no deploy or restore whose changes could be undone.',
      '/billing history shows what there was.',
    )
  await guard(context, caller, 'deploy', run.environment)
  const problem = await whyNot(run, context)
  if (problem !== undefined) return refuse(problem)
  const undo = await undoOf(run, context)
  if (undo.steps.length === 0) return refuse(`Run #${run.number} has changed nothing that could be put back.`)
  const metadata = (rollbackTarget?: RollbackTarget) =>
    JSON.stringify({ run: run.number, hash: hashOfPlan(undo), channel: caller.channel, rollbackTarget })
  const image = await imageOf(undo, context)
  if (image !== undefined) {
    const fill = () => lookedAt({ run, undo, image, revision, metadata }, context)
    return { kind: 'open', view: rollbackLookingView(run, undo), fill }
  }
  if (revision === undefined) return { kind: 'open', view: rollbackView(run, undo, metadata(), context.now()) }
  return refuse(`Run #${run.number} did not change the deployment: it has no revision to go back to.`)
}

async function imageOf(undo: UndoPlan, context: CommandContext): Promise<Effect | undefined> {
  const step = undo.steps.find(({ kind }) => kind === 'image')
  if (step === undefined) return undefined
  return (await context.runs.effects(undo.run)).find(({ id }) => id === step.effect)
}

/** The dialog was confirmed: a run of its own begins, if what it listed is still what would be undone. */
export async function confirmRollback(
  user: string,
  privateMetadata: string,
  reason: string | undefined,
  context: CommandContext,
): Promise<Answer> {
  const { run: number, hash, channel, rollbackTarget } = Metadata.parse(JSON.parse(privateMetadata))
  const run = await context.runs.get(number)
  await guard(context, { user, channel }, 'deploy', run.environment)
  await guardLock(context, run.environment)
  const undo = await undoOf(run, context)
  const problem = await whyNot(run, context)
  if (problem !== undefined) return refuse(problem)
  if (hashOfPlan(undo) !== hash)
    return refuse(
      'What would be undone has changed since the dialog was opened.',
      'Press Roll back again and look at the new list.',
    )
  if (await hasMoved(run, rollbackTarget, context))
    return refuse(
      'The deployment has changed since the dialog was opened.',
      'Press Roll back again and look at what runs now.',
    )
  const image = await imageOf(undo, context)
  const forbidden =
    image === undefined ? undefined : await whySchemaForbids(run, targetOf(image, rollbackTarget), context)
  if (forbidden !== undefined) return refuse(`${forbidden.why} Nothing was changed.`, forbidden.next)
  const plan = rollbackTarget === undefined ? undo : withRollbackTarget(undo, rollbackTarget)
  const given = reason === undefined || reason.trim() === '' ? undefined : reason.trim()
  if (currentWatch(run) !== undefined) {
    // The watch holds the environment: it ends first, then the rollback begins as a run of its own.
    await context.runs.decideWatch(
      run.number,
      'roll_back',
      { actor: user, source: channel },
      { reason: given, undo: plan },
    )
    await context.jobs.publish(run.number)
    return silent
  }
  const { policy } = environmentOf(context, run.environment)
  const applied = await context.runs.create({
    kind: 'rollback',
    service: run.service,
    environment: run.environment,
    version: run.version,
    dryRun: false,
    parent: run.number,
    requestedBy: user,
    channel: run.channel,
    reason: given,
    plan,
    approvalsNeeded: policy.rollbackApprovals,
    phases: budgetsOf(run),
    expiresInMinutes: policy.approvalExpiryMinutes,
  })
  if (policy.rollbackApprovals > 0)
    await context.runs.post(applied.run.number, {
      kind: 'approval_request',
      approvers: approversOf(applied.run, policy),
    })
  await publishAndEnqueue(context, applied)
  await context.runs.post(run.number, { kind: 'note', text: `Run #${applied.run.number} rolls this back.` })
  await context.jobs.publish(run.number)
  return silent
}

/** Raises `rollback_outdated` when what a waiting rollback would undo is no longer what stands. */
export async function guardUndo(rollback: Run, context: CommandContext): Promise<void> {
  if (rollback.parent === undefined || !isUndoPlan(rollback.plan)) return
  const parent = await context.runs.get(rollback.parent)
  const effects = ({ steps }: UndoPlan) => steps.map((step) => step.effect).join()
  const moved = effects(await undoOf(parent, context)) !== effects(rollback.plan)
  const problem = (await whyNot(parent, context)) ?? (moved ? 'What would be undone has changed since' : undefined)
  if (problem !== undefined)
    throw new PurserError('rollback_outdated', problem, {
      hint: 'Reject this one; /billing rollback makes a new list.',
    })
}

/** The runbook's "Rollback Time: 10 minutes", and a few more to look at the result. In place it is another restore. */
function budgetsOf({ plan }: Run) {
  const inPlace = isRestorePlan(plan) ? plan.inPlace : undefined
  const more = inPlace === undefined ? 0 : Math.ceil(((inPlace.downtimeMs ?? 10 * 60_000) * 4) / 60_000)
  return [
    { name: 'undo', budgetMinutes: 10 + more },
    { name: 'check', budgetMinutes: 5 },
  ] as const
}

async function undoOf(run: Run, context: CommandContext): Promise<UndoPlan> {
  return planUndo(run.number, await context.runs.effects(run.number), {
    strict: context.config.service.rollback.strict,
  })
}

async function newestDeployWithEffects(context: CommandContext): Promise<Run | undefined> {
  const runs = await context.runs.list({ kinds: ['deploy', 'restore'], limit: 20 })
  return runs.find((run) => run.hasEffects && run.rolledBackBy === undefined)
}

/** Why this run cannot be rolled back (now). */
async function whyNot(run: Run, context: CommandContext): Promise<string | undefined> {
  if (run.kind !== 'deploy' && run.kind !== 'restore')
    return `Run #${run.number} is a ${run.kind}; only deploys and restores can be rolled back.`
  if (run.rolledBackBy !== undefined)
    return `Run #${run.number} is already being rolled back, or was, by run #${run.rolledBackBy}.`
  if (watchChoices(run).includes('roll_back')) return undefined
  if (['planning', 'awaiting_approval', 'executing', 'cancelling'].includes(run.status))
    return `Run #${run.number} is still ${run.status === 'awaiting_approval' ? 'waiting' : 'running'}. Cancel it first: /billing cancel #${run.number}`
  const until = rollbackUntil(run, environmentOf(context, run.environment).policy.rollbackButtonHours)
  if (run.status === 'succeeded' && until !== undefined && until < context.now())
    return `Run #${run.number} ended more than ${environmentOf(context, run.environment).policy.rollbackButtonHours} h ago; deploy the version you want instead.`
  // Undone in the order in which it was done, or what stood there before would be put over what stands there now.
  // A restore changes nothing that a deploy would put back; the other way round, a later deploy has migrated what serves.
  const kinds = run.kind === 'restore' ? (['deploy', 'restore'] as const) : (['deploy'] as const)
  const deploys = await context.runs.list({ environment: run.environment, kinds, limit: 20 })
  const above = deploys.find((deploy) => deploy.number > run.number && deploy.hasEffects)
  if (above !== undefined)
    return `Run #${above.number} has changed ${run.environment} since. Roll that one back first: /billing rollback #${above.number}`
  return undefined
}
