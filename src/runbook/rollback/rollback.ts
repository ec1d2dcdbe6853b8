import { canBeUndone } from '../../model/effects/effects.ts'
import type { UndoStep } from '../../model/undo-plan.ts'
import type { Phase, PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { healthState, rolloutState } from '../verify/state-checks.ts'
import { confirmRollbackTarget } from './undo/image.ts'
import { undoEffect } from './undo/undo.ts'
import { targetOf } from '../../model/rollback-target.ts'
import { guardSchema } from '../migrate/schema-check.ts'

/** Rollback Procedure: puts back what the run changed, newest first, exactly as the dialog listed it. */
export const undo: Phase = async (context) => {
  const plan = context.run.plan
  if (plan?.kind !== 'undo') throw new Error(`run #${context.run.number} has no list of what to undo`)
  const effects = await context.records.effectsOf(plan.run)
  const image = effects
    .filter((effect) => effect.kind === 'image')
    .find(({ id }) => plan.steps.some((step) => step.effect === id))
  if (image !== undefined) {
    await context.report(`looking at deployment ${image.target}`)
    await context.step('look at the deployment', () => confirmRollbackTarget(context, image, plan.rollbackTarget))
    await context.step('look at the schema', () => guardSchema(context, targetOf(image, plan.rollbackTarget)))
  }
  for (const [index, step] of plan.steps.entries()) {
    const effect = effects.find((effect) => effect.id === step.effect)
    if (effect === undefined) throw new Error(`effect ${step.effect} of run #${plan.run} is gone`)
    if (!canBeUndone(effect)) throw new Error(`a ${effect.kind} is never put back`)
    await context.report(`${index + 1} of ${plan.steps.length}: ${step.line}`)
    await context.step(step.line, async (signal) => {
      await undoEffect(context, effect, signal, plan.rollbackTarget)
      for (const covered of step.covers) await context.records.undone(covered)
    })
  }
  await tellDone(context, plan.steps, plan.stays)
  return { line: `${plan.steps.length} changes of #${plan.run} put back` }
}

/** Verify rollback: checks that the former version runs and answers. */
export const checkAfterRollback: Phase = async (context) => {
  await context.report('checking the deployment and its health')
  const [pods, health] = await Promise.all([rolloutState(context), healthState(context)])
  if (pods.verdict === 'pass' && health.verdict === 'pass') return { line: `${pods.value}, health ${health.value}` }
  throw new CheckFailed('rollback_unhealthy', `checking the rollback: ${pods.value}, health ${health.value}`, {
    hint: `kubectl describe deployment ${context.service.deployment} -n ${context.environment.namespace} tells more.`,
  })
}

async function tellDone(context: PhaseContext, steps: readonly UndoStep[], stays: readonly string[]): Promise<void> {
  const lines = [...steps.map((step) => `✓ ${step.line}`), ...stays]
  await context.tell({ kind: 'note', text: lines.join('\n') }, 'undone')
}
