import type { KubernetesObject } from '../../adapters/kubernetes/manifests/port.ts'
import type {
  CronJobBefore,
  Effect,
  EndpointBefore,
  ReplicasBefore,
  ScheduleBefore,
  SecretBefore,
} from '../../model/effects.ts'
import type { UndoPlan, UndoStep } from '../../model/undo-plan.ts'
import type { Phase, PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { undoRestore } from '../restore/restore.ts'
import { restart } from '../stripe/signing-secret.ts'
import { scaleBack } from '../restore/replicas.ts'
import { healthState, rolloutState } from '../verify/state-checks.ts'
import { retiredBy } from '../stripe/webhook-endpoint.ts'
import { confirmRollbackTarget, undoImage } from './undo-deployment.ts'
import { targetOf } from '../../model/rollback-target.ts'
import { guardSchema } from '../migrate/schema-check.ts'

/** Rollback Procedure: puts back what the run changed, newest first, exactly as the dialog listed it. */
export const undo: Phase = async (context) => {
  const plan = context.run.plan
  if (plan?.kind !== 'undo') throw new Error(`run #${context.run.number} has no list of what to undo`)
  const effects = await context.records.effectsOf(plan.run)
  const image = effects.find((effect) => plan.steps.some((step) => step.kind === 'image' && step.effect === effect.id))
  if (image !== undefined) {
    await context.report(`looking at deployment ${image.target}`)
    await context.step('look at the deployment', () => confirmRollbackTarget(context, image, plan.rollbackTarget))
    await context.step('look at the schema', () => guardSchema(context, targetOf(image, plan.rollbackTarget)))
  }
  for (const [index, step] of plan.steps.entries()) {
    const effect = effects.find((effect) => effect.id === step.effect)
    if (effect === undefined) throw new Error(`effect ${step.effect} of run #${plan.run} is gone`)
    await context.report(`${index + 1} of ${plan.steps.length}: ${step.line}`)
    await context.step(step.line, async (signal) => {
      await undoEffect(context, effect, plan, signal)
      for (const covered of step.covers) await context.records.undone(covered)
    })
  }
  await tellDone(context, plan.steps, plan.stays)
  return { line: `${plan.steps.length} changes of #${plan.run} put back` }
}

/** Verify rollback: the former version runs and answers. */
export const checkAfterRollback: Phase = async (context) => {
  await context.report('checking the deployment and its health')
  const [pods, health] = await Promise.all([rolloutState(context), healthState(context)])
  if (pods.verdict === 'pass' && health.verdict === 'pass') return { line: `${pods.value}; health ${health.value}` }
  throw new CheckFailed('rollback_unhealthy', `checking the rollback: ${pods.value}; health ${health.value}`, {
    hint: `kubectl describe deployment ${context.service.deployment} -n ${context.environment.namespace} tells more.`,
  })
}

async function undoEffect(
  context: PhaseContext,
  effect: Effect,
  { rollbackTarget }: UndoPlan,
  signal: AbortSignal,
): Promise<void> {
  switch (effect.kind) {
    case 'image':
      return undoImage(context, effect, rollbackTarget, signal)
    case 'stripe-endpoint':
      return undoEndpoint(context, effect, signal)
    case 'secret-key':
      return undoSecret(context, effect.target, effect.before as SecretBefore, signal)
    case 'cronjob':
      return undoCronJob(context, effect.target, effect.before as CronJobBefore, signal)
    case 'database':
      return undoRestore(context, effect, signal)
    case 'replicas':
      return scaleBack(context, effect.before as ReplicasBefore, () => undefined, signal)
    case 'schedule': {
      const { suspended } = effect.before as ScheduleBefore
      return suspended === false ? context.world.cluster.suspendCronJob(effect.target, false, signal) : undefined
    }
    case 'restart':
      await restart(context, effect.target, signal)
      return
    case 'image-push':
    case 'migration':
    case 'events':
    case 'job':
      return
  }
}

/** One that the run created is disabled (its deliveries can still be looked at); another gets its former state back. */
async function undoEndpoint(context: PhaseContext, effect: Effect, signal: AbortSignal): Promise<void> {
  const { world, service } = context
  const before = effect.before as EndpointBefore
  const id = before.id ?? (await createdId(context, effect, signal))
  if (id === undefined || (await world.stripe.endpoint(id, signal)) === undefined) return
  if (before.insteadOf !== undefined && !service.rollback.strict) {
    await world.stripe.updateEndpoint(id, { enabledEvents: before.insteadOf, disabled: false }, signal)
    return
  }
  if (before.id === null || service.rollback.strict) {
    // The mark lets a later deploy delete it, once its deliveries are of no interest any more.
    const metadata = before.id === null ? { [retiredBy]: String(effect.run) } : {}
    await world.stripe.updateEndpoint(id, { disabled: true, metadata }, signal)
    return
  }
  const disabled = before.status === 'disabled'
  const change = { enabledEvents: before.enabledEvents, disabled, metadata: { [retiredBy]: '' } }
  await world.stripe.updateEndpoint(id, change, signal)
}

/** A crash may have come between the creation and its record: then the endpoint itself tells which run made it. */
async function createdId({ world }: PhaseContext, effect: Effect, signal: AbortSignal): Promise<string | undefined> {
  const recorded = effect.after as { readonly id?: string } | undefined
  if (recorded?.id !== undefined) return recorded.id
  const endpoints = await world.stripe.endpoints(signal)
  return endpoints.find(
    (endpoint) => endpoint.url === effect.target && endpoint.metadata['purser_run'] === String(effect.run),
  )?.id
}

async function undoSecret({ world }: PhaseContext, target: string, before: SecretBefore, signal: AbortSignal) {
  const [secret = '', key = ''] = target.split('/')
  if (before.previous !== undefined) await undoPrevious(world, secret, before.previous, signal)
  if (before.keptUnder === null)
    return world.cluster.removeSecretKey(secret, key, { deleteWhenEmpty: !before.secretExists }, signal)
  const kept = await world.cluster.readSecretKey(secret, before.keptUnder, signal)
  // Gone: an earlier try of this step had already put it back.
  if (kept === undefined) return
  await world.cluster.writeSecret(secret, { keys: { [key]: kept } }, signal)
  await world.cluster.removeSecretKey(secret, before.keptUnder, { deleteWhenEmpty: false }, signal)
}

/** The key for the former secret goes back to what it was before the rotation. */
async function undoPrevious(
  world: PhaseContext['world'],
  secret: string,
  { key, keptUnder }: NonNullable<SecretBefore['previous']>,
  signal: AbortSignal,
): Promise<void> {
  const kept = keptUnder === null ? undefined : await world.cluster.readSecretKey(secret, keptUnder, signal)
  if (keptUnder !== null && kept === undefined) return
  const aside = keptUnder === null ? {} : { [keptUnder]: undefined }
  const { secretExists } = await world.cluster.secretKey(secret, key, signal)
  if (secretExists) await world.cluster.writeSecret(secret, { keys: { [key]: kept, ...aside } }, signal)
}

async function undoCronJob({ world, service }: PhaseContext, name: string, before: CronJobBefore, signal: AbortSignal) {
  if (before.manifest === null || service.rollback.strict) return world.cluster.deleteCronJob(name, signal)
  if (JSON.stringify(before.manifest).includes('[masked]'))
    throw new CheckFailed(
      'manifest_masked',
      `putting CronJob ${name} back: its former manifest held a secret, which was not recorded`,
      {
        hint: 'Apply the former manifest by hand, then retry the phase; secrets belong into a Secret.',
      },
    )
  await world.cluster.apply(before.manifest as unknown as KubernetesObject, { dryRun: false }, signal)
}

async function tellDone(context: PhaseContext, steps: readonly UndoStep[], stays: readonly string[]): Promise<void> {
  const lines = [...steps.map((step) => `✓ ${step.line}`), ...stays]
  await context.tell({ kind: 'note', text: lines.join('\n') }, 'undone')
}
