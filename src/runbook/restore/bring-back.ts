import type { KubernetesObject } from '../../adapters/kubernetes/manifests/port.ts'
import type { Effect, EffectOf } from '../../model/effects/effects.ts'
import type { ImageBefore } from '../../model/effects/image.ts'
import { nameOf, type RestoredRelease } from '../../model/restored-release.ts'
import type { UndoStep } from '../../model/undo-plan.ts'
import { suspended } from '../cronjobs/manifests.ts'
import { CheckFailed } from '../errors.ts'
import type { PhaseContext } from '../phase.ts'
import { currentDeployment } from '../plan/plan.ts'
import { putImageBack } from '../rollback/undo/image.ts'
import { imageBefore } from '../rollout/rollout.ts'
import { endpointBefore } from '../stripe/credentials.ts'
import { keepAside, restart } from '../stripe/signing-secret.ts'
import { retiredBy } from '../stripe/webhook-endpoint.ts'
import { endpointIdOf, isOfRelease } from './release.ts'
import type { ServiceSnapshot } from './service.ts'

/*
 * Brings the former release back while a restore has the service stopped: what the plan lists, in its order. Each change
 * is recorded with what stood there, so the rollback of the restore puts it there again. What the deploys have kept aside
 * for their own rollback stays kept: the restore can be taken back, and then they can be rolled back as before. CronJobs
 * stay suspended until the application runs; whoever reads the Secret at its start is restarted after that.
 */

type Former = Extract<RestoredRelease, { readonly after: 'former' }>

/** Looks what serves, while it serves: stopped pods tell nothing of their revision. Undefined where nothing comes back. */
export async function rememberImage(
  context: PhaseContext,
  release: RestoredRelease | undefined,
): Promise<ImageBefore | undefined> {
  if (release?.after !== 'former') return undefined
  return context.step('remember the image', async () =>
    imageBefore(await currentDeployment(context, { mayBePaused: true }), release.running.version),
  )
}

/** Brings back all but what is restarted, once the database is restored. Safe to repeat. */
export async function bringBack(
  context: PhaseContext,
  release: RestoredRelease | undefined,
  snapshot: ServiceSnapshot,
  stood: ImageBefore | undefined,
): Promise<void> {
  if (release?.after !== 'former') return
  for (const { step, effect } of await stepsOf(context, release)) {
    if (effect.kind === 'restart') continue
    await context.report(step.line)
    if (effect.kind === 'image') await imageBack(context, effect, release, stood)
    if (effect.kind === 'secret-key') await secretBack(context, effect)
    if (effect.kind === 'stripe-endpoint') await endpointBack(context, effect)
    if (effect.kind === 'cronjob') await cronJobBack(context, effect, snapshot)
  }
}

/** Once the application runs: notes that it served, and restarts what reads the Secret at its start. Safe to repeat. */
export async function afterStart(context: PhaseContext, release: RestoredRelease | undefined): Promise<void> {
  if (release?.after !== 'former') return
  const { records, run } = context
  for (const effect of await records.effectsOf(run.number))
    if (effect.kind === 'image' && effect.after !== undefined)
      await records.settle(effect, { ...effect.after, served: true })
  for (const { effect } of await stepsOf(context, release))
    if (effect.kind === 'restart')
      await context.change(`restart ${effect.target}`, {
        kind: 'restart',
        target: effect.target,
        before: async () => effect.before,
        act: (_before, signal) => restart(context, effect.target, signal),
      })
}

/** Says which release the restore has brought back, in a sentence with a space behind it; empty where what ran stays. */
export function runsNow(release: RestoredRelease | undefined): string {
  return release?.after === 'former' ? `${nameOf(release.earlier)} runs again. ` : ''
}

async function stepsOf({ records, run }: PhaseContext, { undo }: Former) {
  if (run.plan?.kind !== 'restore') throw new Error(`run #${run.number} has no restore plan`)
  const since = (await records.effectsSince(run.plan.backup.run)).filter(isOfRelease)
  return undo.steps.map((step) => ({ step, effect: effectOf(step, since) }))
}

function effectOf<E extends Effect>({ effect: id, line }: UndoStep, effects: readonly E[]): E {
  const effect = effects.find((one) => one.id === id)
  if (effect === undefined) throw new Error(`effect ${id} is gone: ${line}`)
  return effect
}

async function imageBack(
  context: PhaseContext,
  effect: EffectOf<'image'>,
  { undo, running }: Former,
  stood: ImageBefore | undefined,
): Promise<void> {
  await context.change('bring the image back', {
    kind: 'image',
    target: effect.target,
    before: async () => stood ?? imageBefore(await currentDeployment(context, { mayBePaused: true }), running.version),
    act: async (_before, signal) => {
      const image = await putImageBack(context, effect, signal, undo.rollbackTarget)
      const { templateHash } = await currentDeployment(context, { mayBePaused: true })
      return { image, templateHash }
    },
  })
}

/** Writes the value of then, which stays kept for the rollback of the deploy that had replaced it. */
async function secretBack(context: PhaseContext, effect: EffectOf<'secret-key'>): Promise<void> {
  const { world } = context
  const [secret = '', key = ''] = effect.target.split('/')
  const kept = async (name: string | null, signal: AbortSignal) =>
    name === null ? undefined : await world.cluster.readSecretKey(secret, name, signal)
  await context.change(`put ${effect.target} back`, {
    kind: 'secret-key',
    target: effect.target,
    before: (signal) => keepAside(context, signal),
    act: async (_before, signal) => {
      const { keptUnder, previous } = effect.before
      const value = await kept(keptUnder, signal)
      if (keptUnder !== null && value === undefined)
        throw new CheckFailed('secret_missing', `putting Secret ${effect.target} back: ${keptUnder} is gone`, {
          hint: 'Roll back the restore, or put the value there by hand and retry the phase.',
        })
      const former = previous === undefined ? {} : { [previous.key]: await kept(previous.keptUnder, signal) }
      await world.cluster.writeSecret(secret, { keys: { ...former, [key]: value } }, signal)
      return value === undefined ? null : { fingerprint: value.fingerprint }
    },
  })
}

async function endpointBack(context: PhaseContext, effect: EffectOf<'stripe-endpoint'>): Promise<void> {
  const { world, run } = context
  const id = endpointIdOf(effect)
  if (id === undefined) return
  const { before } = effect
  await context.change(`put Stripe endpoint ${effect.target} back`, {
    kind: 'stripe-endpoint',
    target: effect.target,
    before: async (signal) => {
      const endpoint = await world.stripe.endpoint(id, signal)
      if (endpoint !== undefined) return endpointBefore(endpoint)
      throw new CheckFailed('endpoint_missing', `putting Stripe endpoint ${id} back: it is gone`, {
        hint: 'Request the restore again: its plan then leaves the endpoint out.',
      })
    },
    act: async (_before, signal) => {
      const disabled = before.insteadOf === undefined && (before.id === null || before.status === 'disabled')
      const events = before.insteadOf ?? (before.id === null ? undefined : before.enabledEvents)
      // Its mark lets a later deploy delete it, as after a rollback.
      const metadata = { [retiredBy]: before.id === null && disabled ? String(run.number) : '' }
      const change = { ...(events === undefined ? {} : { enabledEvents: events }), disabled, metadata }
      await world.stripe.updateEndpoint(id, change, signal)
      const status = disabled ? ('disabled' as const) : ('enabled' as const)
      return { id, status, ...(events === undefined ? {} : { enabledEvents: [...events] }) }
    },
  })
}

async function cronJobBack(
  context: PhaseContext,
  { target: name, before: then }: EffectOf<'cronjob'>,
  { schedules }: ServiceSnapshot,
): Promise<void> {
  const { cluster } = context.world
  const held = schedules[name]?.suspended ?? null
  await context.change(`bring CronJob ${name} back`, {
    kind: 'cronjob',
    target: name,
    before: async (signal) => {
      const manifest = (await cluster.cronJob(name, signal))?.manifest ?? null
      // The restore has suspended it; what it was before that is what a rollback puts there again.
      return { manifest: manifest === null || held === null ? manifest : inManifest(manifest, held) }
    },
    act: async (_before, signal) => {
      if (then.manifest === null) {
        await cluster.deleteCronJob(name, signal)
        return { outcome: 'deleted' }
      }
      const manifest = held === null ? then.manifest : inManifest(then.manifest, true)
      return { outcome: (await cluster.apply(manifest, {}, signal)).outcome }
    },
  })
}

function inManifest<M extends KubernetesObject>(manifest: M, suspend: boolean) {
  return { ...manifest, ...suspended(manifest, suspend) }
}
