import { canBeUndone, type EffectKind } from '../../model/effects/effects.ts'
import { putsDatabaseBack, type UndoStep } from '../../model/undo-plan.ts'
import { isUndoPlan, type Run } from '../../model/run.ts'
import type { Phase, PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { healthState, rolloutState } from '../verify/state-checks.ts'
import { lookBefore, takenAway, wellAgain } from '../verify/well-again.ts'
import { confirmRollbackTarget } from './undo/image.ts'
import { undoEffect } from './undo/undo.ts'
import { targetOf } from '../../model/rollback-target.ts'
import { guardSchema } from '../migrate/schema-check.ts'

/** What is put back while the service is stopped for the database: pods read it, or are it, when they start again. */
const withDatabase: readonly EffectKind[] = ['secret-key', 'stripe-endpoint', 'image']

/** Rollback Procedure: puts back what the run changed, newest first, exactly as the dialog listed it. */
export const undo: Phase = async (context) => {
  const plan = undoPlanOf(context.run)
  const effects = await context.records.effectsOf(plan.run)
  const image = effects
    .filter((effect) => effect.kind === 'image')
    .find(({ id }) => plan.steps.some((step) => step.effect === id))
  if (image !== undefined) {
    await context.report(`looking at deployment ${image.target}`)
    await context.step('look at the deployment', () => confirmRollbackTarget(context, image, plan.rollbackTarget))
    if (!putsDatabaseBack(plan))
      await context.step('look at the schema', () => guardSchema(context, targetOf(image, plan.rollbackTarget)))
  }
  await lookBefore(context)
  const done = new Set<number>()
  const putBack = async (step: UndoStep): Promise<void> => {
    if (done.has(step.effect)) return
    const effect = effects.find((effect) => effect.id === step.effect)
    if (effect === undefined) throw new Error(`effect ${step.effect} of run #${plan.run} is gone`)
    if (!canBeUndone(effect)) throw new Error(`a ${effect.kind} is never put back`)
    done.add(step.effect)
    await context.report(`${plan.steps.indexOf(step) + 1} of ${plan.steps.length}: ${step.line}`)
    await context.step(step.line, async (signal) => {
      await undoEffect(context, effect, signal, plan.rollbackTarget, async () => {
        for (const one of plan.steps) if (withDatabase.includes(one.kind)) await putBack(one)
      })
      for (const covered of step.covers) await context.records.undone(covered)
    })
  }
  for (const step of plan.steps) await putBack(step)
  await tellDone(context, plan.steps, plan.stays)
  return { line: `${plan.steps.length} changes of #${plan.run} put back` }
}

/** Verify rollback: checks that the former version runs and answers, and that what passed before passes again. */
export const checkAfterRollback: Phase = async (context) => {
  await context.report('checking the deployment and its health')
  const [pods, health] = await Promise.all([rolloutState(context), healthState(context)])
  if (pods.verdict !== 'pass' || health.verdict !== 'pass')
    throw new CheckFailed('rollback_unhealthy', `checking the rollback: ${pods.value}, health ${health.value}`, {
      hint: `kubectl describe deployment ${context.service.deployment} -n ${context.environment.namespace} tells more.`,
    })
  const effects = await context.records.effectsOf(undoPlanOf(context.run).run)
  const excused = takenAway(undoPlanOf(context.run), effects, 'the rollback has put it back')
  const { line } = await wellAgain(context, 'rolled_back_not_well', 'rolled back', excused)
  return { line: `${pods.value}, health ${health.value}, ${line}` }
}

function undoPlanOf({ number, plan }: Run) {
  if (isUndoPlan(plan)) return plan
  throw new Error(`run #${number} has no list of what to undo`)
}

async function tellDone(context: PhaseContext, steps: readonly UndoStep[], stays: readonly string[]): Promise<void> {
  const lines = [...steps.map((step) => `✓ ${step.line}`), ...stays]
  await context.tell({ kind: 'note', text: lines.join('\n') }, 'undone')
}
