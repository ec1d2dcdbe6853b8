import type { EffectOf } from '../../../model/effects/effects.ts'
import { sameUrl } from '../../../model/same-url.ts'
import { fingerprintOf } from '../../../sensitive.ts'
import type { PhaseContext } from '../../phase.ts'
import { isMadeBy, retiredBy } from '../../stripe/webhook-endpoint.ts'

/**
 * Disables an endpoint that the run created (its deliveries can still be looked at); gives another its former state
 * back.
 */
export async function undoEndpoint(
  context: PhaseContext,
  effect: EffectOf<'stripe-endpoint'>,
  signal: AbortSignal,
): Promise<void> {
  const { world, service } = context
  const { before } = effect
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

/**
 * Finds the endpoint that the run created. A crash may have come before its record: then its own mark tells which run
 * made it.
 */
async function createdId(
  { world }: PhaseContext,
  effect: EffectOf<'stripe-endpoint'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (effect.after !== undefined) return effect.after.id
  const endpoints = await world.stripe.endpoints(signal)
  const { creation } = effect.before
  const maker = { run: effect.run, creation: creation === undefined ? undefined : fingerprintOf(creation) }
  return endpoints.find((endpoint) => sameUrl(endpoint.url, effect.target) && isMadeBy(maker, endpoint))?.id
}
