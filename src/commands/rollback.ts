import { z } from 'zod'
import { approversOf } from '../jobs/approvers.ts'
import { rollbackLookingView, rollbackView } from '../messages/dialogs/dialogs.ts'
import { PurserError } from '../errors.ts'
import { type Comeback, targetOf } from '../model/rollback-target.ts'
import type { Effect } from '../model/effects.ts'
import { isRestorePlan, isUndoPlan, type Run } from '../model/run.ts'
import { hashOfPlan } from '../model/deploy-plan.ts'
import { rollbackUntil } from '../model/rollback-window.ts'
import { planUndo, type UndoPlan, withComeback } from '../model/undo-plan.ts'
import { currentWatch, watchChoices } from '../model/watch.ts'
import { hasMoved, lookedAt } from './rollback-dialog.ts'
import {
  type Answer,
  type Ask,
  type Desk,
  environmentOf,
  follow,
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
  comeback: z
    .custom<Comeback>((one) => z.object({ kind: z.enum(['seen', 'unseen']) }).safeParse(one).success)
    .optional(),
})

/**
 * `/billing rollback [#N] [--to-revision K]` and the Roll back button: shows exactly what would be undone and what would
 * run then; changes nothing yet.
 */
export async function askRollback(ask: Ask, asked: number | undefined, desk: Desk, revision?: number): Promise<Answer> {
  const run = asked === undefined ? await newestDeployWithEffects(desk) : await desk.runs.get(asked)
  if (run === undefined)
    return refuse(
      'There is no deploy or restore whose changes could be undone.',
      '/billing history shows what there was.',
    )
  await guard(desk, ask, 'deploy', run.environment)
  const problem = await whyNot(run, desk)
  if (problem !== undefined) return refuse(problem)
  const undo = await undoOf(run, desk)
  if (undo.steps.length === 0) return refuse(`Run #${run.number} has changed nothing that could be put back.`)
  const metadata = (comeback?: Comeback) =>
    JSON.stringify({ run: run.number, hash: hashOfPlan(undo), channel: ask.channel, comeback })
  const image = await imageOf(undo, desk)
  if (image !== undefined) {
    const fill = () => lookedAt({ run, undo, image, revision, metadata }, desk)
    return { kind: 'open', view: rollbackLookingView(run, undo), fill }
  }
  if (revision === undefined) return { kind: 'open', view: rollbackView(run, undo, metadata(), desk.now()) }
  return refuse(`Run #${run.number} did not change the deployment: it has no revision to go back to.`)
}

async function imageOf(undo: UndoPlan, desk: Desk): Promise<Effect | undefined> {
  const step = undo.steps.find(({ kind }) => kind === 'image')
  if (step === undefined) return undefined
  return (await desk.runs.effects(undo.run)).find(({ id }) => id === step.effect)
}

/** The dialog was confirmed: a run of its own begins, if what it listed is still what would be undone. */
export async function confirmRollback(
  user: string,
  privateMetadata: string,
  reason: string | undefined,
  desk: Desk,
): Promise<Answer> {
  const { run: number, hash, channel, comeback } = Metadata.parse(JSON.parse(privateMetadata))
  const run = await desk.runs.get(number)
  await guard(desk, { user, channel }, 'deploy', run.environment)
  await guardLock(desk, run.environment)
  const undo = await undoOf(run, desk)
  const problem = await whyNot(run, desk)
  if (problem !== undefined) return refuse(problem)
  if (hashOfPlan(undo) !== hash)
    return refuse(
      'What would be undone has changed since the dialog was opened.',
      'Press Roll back again and look at the new list.',
    )
  if (await hasMoved(run, comeback, desk))
    return refuse(
      'The deployment has changed since the dialog was opened.',
      'Press Roll back again and look at what runs now.',
    )
  const image = await imageOf(undo, desk)
  const forbidden = image === undefined ? undefined : await whySchemaForbids(run, targetOf(image, comeback), desk)
  if (forbidden !== undefined) return refuse(`${forbidden.why} Nothing was changed.`, forbidden.next)
  const plan = comeback === undefined ? undo : withComeback(undo, comeback)
  const given = reason === undefined || reason.trim() === '' ? undefined : reason.trim()
  if (currentWatch(run) !== undefined) {
    // The watch holds the environment: it ends first, then the rollback begins as a run of its own.
    await desk.runs.decideWatch(
      run.number,
      'roll_back',
      { actor: user, source: channel },
      { reason: given, undo: plan },
    )
    await desk.jobs.publish(run.number)
    return silent
  }
  const { policy } = environmentOf(desk, run.environment)
  const applied = await desk.runs.create({
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
    await desk.runs.post(applied.run.number, {
      kind: 'approval_request',
      approvers: approversOf(applied.run, policy),
    })
  await follow(desk, applied)
  await desk.runs.post(run.number, { kind: 'note', text: `Run #${applied.run.number} rolls this back.` })
  await desk.jobs.publish(run.number)
  return silent
}

/** Raises `rollback_outdated` when what a waiting rollback would undo is no longer what stands. */
export async function guardUndo(rollback: Run, desk: Desk): Promise<void> {
  if (rollback.parent === undefined || !isUndoPlan(rollback.plan)) return
  const parent = await desk.runs.get(rollback.parent)
  const effects = ({ steps }: UndoPlan) => steps.map((step) => step.effect).join()
  const moved = effects(await undoOf(parent, desk)) !== effects(rollback.plan)
  const problem = (await whyNot(parent, desk)) ?? (moved ? 'What would be undone has changed since' : undefined)
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

async function undoOf(run: Run, desk: Desk): Promise<UndoPlan> {
  return planUndo(run.number, await desk.runs.effects(run.number), { strict: desk.config.service.rollback.strict })
}

async function newestDeployWithEffects(desk: Desk): Promise<Run | undefined> {
  const runs = await desk.runs.list({ kinds: ['deploy', 'restore'], limit: 20 })
  return runs.find((run) => run.hasEffects && run.rolledBackBy === undefined)
}

/** Why this run cannot be rolled back (now). */
async function whyNot(run: Run, desk: Desk): Promise<string | undefined> {
  if (run.kind !== 'deploy' && run.kind !== 'restore')
    return `Run #${run.number} is a ${run.kind}; only deploys and restores can be rolled back.`
  if (run.rolledBackBy !== undefined)
    return `Run #${run.number} is already being rolled back, or was, by run #${run.rolledBackBy}.`
  if (watchChoices(run).includes('roll_back')) return undefined
  if (['planning', 'awaiting_approval', 'executing', 'cancelling'].includes(run.status))
    return `Run #${run.number} is still ${run.status === 'awaiting_approval' ? 'waiting' : 'running'}. Cancel it first: /billing cancel #${run.number}`
  const until = rollbackUntil(run, environmentOf(desk, run.environment).policy.rollbackButtonHours)
  if (run.status === 'succeeded' && until !== undefined && until < desk.now())
    return `Run #${run.number} ended more than ${environmentOf(desk, run.environment).policy.rollbackButtonHours} h ago; deploy the version you want instead.`
  // Undone in the order in which it was done, or what stood there before would be put over what stands there now.
  // A restore changes nothing that a deploy would put back; the other way round, a later deploy has migrated what serves.
  const kinds = run.kind === 'restore' ? (['deploy', 'restore'] as const) : (['deploy'] as const)
  const deploys = await desk.runs.list({ environment: run.environment, kinds, limit: 20 })
  const above = deploys.find((deploy) => deploy.number > run.number && deploy.hasEffects)
  if (above !== undefined)
    return `Run #${above.number} has changed ${run.environment} since. Roll that one back first: /billing rollback #${above.number}`
  return undefined
}
