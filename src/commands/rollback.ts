import type { ModalView } from '@slack/types'
import { z } from 'zod'
import { beginRollback, type RollbackDependencies, rollbackRefusal, undoOf } from '../jobs/begin-rollback.ts'
import {
  deploymentChanged,
  noReasonGiven,
  noRevisionToGoBackTo,
  nothingToRollBack,
  rollbackRefused,
  schemaTooNew,
  stopWatchFirst,
  undoListChanged,
  wrongNameTyped,
} from '../messages/answers/refused.ts'
import { rollbackRefusalText } from '../messages/refusals.ts'
import { undoableKinds } from '../model/kinds.ts'
import { inputs } from '../messages/dialogs/ask-dialogs.ts'
import { rollbackLookingView, rollbackView } from '../messages/dialogs/dialogs.ts'
import { type RollbackTarget, targetOf } from '../model/rollback-target.ts'
import type { EffectOf } from '../model/effects/effects.ts'
import { isUndoPlan, type Run } from '../model/run.ts'
import { hashOfPlan } from '../model/deploy-plan.ts'
import { putsDatabaseBack, type UndoPlan, withRollbackTarget } from '../model/undo-plan.ts'
import { currentWatch } from '../model/watch.ts'
import { hasMoved, viewWithRevisions } from './dialogs/rollback-dialog.ts'
import { type Answer, onBoard, silent, tell, wrongField } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { announced } from './announce.ts'
import { breakGlassAnnouncement } from '../messages/answers/break-glass.ts'
import { lockLine } from '../messages/answers/lock.ts'
import { paragraph } from '../messages/blocks/message.ts'
import { CommandRefused, environmentOf, guard, guardRun, guardSomewhere } from './guards.ts'
import { judgeSchema } from './schema-guard.ts'
import { command } from './grammar/row.ts'
import { tidyWord } from './grammar/typed.ts'
import { breakGlass, isReason, revision, run } from './grammar/words.ts'

export const rollbackCommand = command('rollback', {
  does: 'preview a rollback, then run it',
  more: 'A dialog shows every step and what runs afterwards. Nothing begins before you confirm it ([revisions](kubernetes.md)). A lock does not block it. `--break-glass` skips approvals, for people whom the policy names: it needs a reason, and every channel is told ([more](operating.md#break-glass)).',
  may: 'deployers',
  approvals: 'rollbackApprovals',
  answer: 'board',
  takes: { run: run('the latest deploy or restore that changed something'), revision, breakGlass },
  examples: ['rollback', 'rollback #42', 'rollback #42 --to-revision 3', 'rollback #42 --break-glass'],
  act: (caller, { run, revision, breakGlass }, context) =>
    openRollbackDialog(caller, run, context, revision, breakGlass),
})

const Metadata = z.object({
  run: z.number().int().positive(),
  /** The hash of what would be undone, as the dialog lists it. */
  hash: z.string(),
  channel: z.string(),
  /** No approval is asked for. */
  breakGlass: z.boolean().default(false),
  /** What would run, as the dialog shows it; missing when the deployment is not put back. */
  rollbackTarget: z
    .custom<RollbackTarget>((one) => z.object({ kind: z.enum(['seen', 'unseen']) }).safeParse(one).success)
    .optional(),
})

/**
 * Answers `/billing rollback [#N] [--to-revision K]` and the Roll back button by a dialog that shows exactly what would
 * be undone and what would run then; changes nothing yet.
 */
export async function openRollbackDialog(
  caller: Caller,
  asked: number | undefined,
  context: CommandContext,
  revision?: number,
  breakGlass = false,
): Promise<Answer> {
  const environments = await guardSomewhere(context, caller, 'deploy')
  const run =
    asked === undefined
      ? await newestDeployWithEffects(context, environments)
      : await guardRun(context, caller, 'deploy', asked)
  if (run === undefined) return tell(nothingToRollBack(environments))
  if (breakGlass) await guard(context, caller, 'break_glass', run.environment)
  if (breakGlass && currentWatch(run) !== undefined) return tell(stopWatchFirst(run.number))
  const refused = await rollbackRefusal(run, rollbackDependencies(context))
  if (refused !== undefined) return tell(rollbackRefused(run, refused))
  const undo = await undoOf(run, context)
  if (undo.steps.length === 0) return tell(rollbackRefused(run, { reason: 'nothing_to_put_back' }))
  const metadata = (rollbackTarget?: RollbackTarget) =>
    JSON.stringify({ run: run.number, hash: hashOfPlan(undo), channel: caller.channel, breakGlass, rollbackTarget })
  const image = await imageOf(undo, context)
  const locked = await lockNote(run, context)
  if (image !== undefined) {
    const fill = async () =>
      locked(await viewWithRevisions({ run, undo, image, revision, breakGlass, metadata }, context))
    return { kind: 'open', view: locked(rollbackLookingView(run, undo)), fill }
  }
  if (revision === undefined)
    return { kind: 'open', view: locked(rollbackView(run, undo, metadata(), context.now(), breakGlass)) }
  return tell(noRevisionToGoBackTo(run.number))
}

/** Puts the lock of the environment above everything else in a dialog: a rollback passes it, so people read why it is there. */
async function lockNote({ environment }: Run, { locks }: CommandContext): Promise<(view: ModalView) => ModalView> {
  const lock = await locks.find(environment)
  if (lock === undefined) return (view) => view
  const note = paragraph(`:lock: ${lockLine(lock)}`)
  return (view) => ({ ...view, blocks: [note, ...view.blocks] })
}

async function imageOf(undo: UndoPlan, context: CommandContext): Promise<EffectOf<'image'> | undefined> {
  const step = undo.steps.find(({ kind }) => kind === 'image')
  if (step === undefined) return undefined
  const images = (await context.runs.effects(undo.run)).filter((effect) => effect.kind === 'image')
  return images.find(({ id }) => id === step.effect)
}

/** Carries out the confirmed dialog: a run of its own begins, if what it listed is still what would be undone. */
export async function confirmRollback(
  user: string,
  privateMetadata: string,
  reason: string | undefined,
  context: CommandContext,
  typed = '',
): Promise<Answer> {
  const { run: number, hash, channel, rollbackTarget, breakGlass } = Metadata.parse(JSON.parse(privateMetadata))
  const run = await context.runs.get(number)
  await guard(context, { user, channel }, 'deploy', run.environment)
  if (breakGlass) await guard(context, { user, channel }, 'break_glass', run.environment)
  if (breakGlass && !isReason(reason ?? '')) return wrongField(inputs.reason, noReasonGiven)
  if (run.kind === 'restore' && tidyWord(typed) !== run.environment)
    return wrongField(inputs.environment, wrongNameTyped(typed, run.environment))
  const undo = await undoOf(run, context)
  const refused = await rollbackRefusal(run, rollbackDependencies(context))
  if (refused !== undefined) return tell(rollbackRefused(run, refused))
  if (hashOfPlan(undo) !== hash) return tell(undoListChanged())
  if (await hasMoved(run, rollbackTarget, context)) return tell(deploymentChanged())
  const image = await imageOf(undo, context)
  const schema =
    image === undefined || putsDatabaseBack(undo)
      ? {}
      : await judgeSchema(run, targetOf(image, rollbackTarget), context)
  if (schema.forbids !== undefined) return tell(schemaTooNew(schema.forbids))
  const plan = rollbackTarget === undefined ? undo : withRollbackTarget(undo, rollbackTarget)
  const given = reason === undefined || reason.trim() === '' ? undefined : reason.trim()
  if (breakGlass && currentWatch(run) !== undefined) return tell(stopWatchFirst(run.number))
  if (currentWatch(run) !== undefined) {
    // The watch holds the environment, so it ends first; then the rollback begins as a run of its own.
    await context.runs.decideWatch(
      run.number,
      'roll_back',
      { actor: user, source: channel },
      { reason: given, undo: plan },
    )
    await context.jobs.publish(run.number)
    return silent
  }
  const begun = await beginRollback(
    { parent: run, undo: plan, requestedBy: user, reason: given, breakGlass },
    rollbackDependencies(context),
  )
  if (begun === undefined) return silent
  return breakGlass ? tellEverybody(begun.run, context) : onBoard(begun.run)
}

/** Breaking the glass is loud: every channel of the environment and those on call are told, by name and with the reason. */
async function tellEverybody(run: Run, context: CommandContext): Promise<Answer> {
  const { policy, contacts } = environmentOf(context, run.environment)
  return announced(policy.channels, breakGlassAnnouncement(run, contacts.onCall), context)
}

/** Raises `rollback_outdated` when what a waiting rollback would undo is no longer what there is to undo. */
export async function guardUndo(rollback: Run, context: CommandContext): Promise<void> {
  if (rollback.parent === undefined || !isUndoPlan(rollback.plan)) return
  const parent = await context.runs.get(rollback.parent)
  const effects = ({ steps }: UndoPlan) => steps.map((step) => step.effect).join()
  const moved = effects(await undoOf(parent, context)) !== effects(rollback.plan)
  const refused = await rollbackRefusal(parent, rollbackDependencies(context))
  if (refused === undefined && !moved) return
  const why = refused === undefined ? 'the list of changes to undo has changed' : rollbackRefusalText(parent, refused)
  throw new CommandRefused('rollback_outdated', why, { hint: 'Reject this run. `/billing rollback` makes a new list.' })
}

async function newestDeployWithEffects(
  context: CommandContext,
  environments: readonly string[],
): Promise<Run | undefined> {
  const runs = await context.runs.list({ environments, kinds: undoableKinds, limit: 20 })
  return runs.find((run) => run.hasEffects && run.rolledBackBy === undefined)
}

function rollbackDependencies({ runs, config, jobs, now }: CommandContext): RollbackDependencies {
  return {
    runs,
    config,
    enqueue: (started, phase) => jobs.enqueue(started, phase),
    publish: (run) => jobs.publish(run),
    now,
  }
}
