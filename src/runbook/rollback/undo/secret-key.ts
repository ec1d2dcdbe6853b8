import type { EffectOf } from '../../../model/effects/effects.ts'
import type { SecretBefore } from '../../../model/effects/secret-key.ts'
import type { PhaseContext } from '../../phase.ts'

/** Puts the former value back from the key of the same Secret under which it was kept. */
export async function undoSecret(
  { world }: PhaseContext,
  { target, before }: EffectOf<'secret-key'>,
  signal: AbortSignal,
): Promise<void> {
  const [secret = '', key = ''] = target.split('/')
  if (before.previous !== undefined) await undoPrevious(world, secret, before.previous, signal)
  if (before.keptUnder === null)
    return world.cluster.removeSecretKey(secret, key, { deleteWhenEmpty: !before.secretExists }, signal)
  const kept = await world.cluster.readSecretKey(secret, before.keptUnder, signal)
  // A missing copy says that an earlier try of this step has already put it back.
  if (kept === undefined) return
  await world.cluster.writeSecret(secret, { keys: { [key]: kept } }, signal)
  await world.cluster.removeSecretKey(secret, before.keptUnder, { deleteWhenEmpty: false }, signal)
}

/** Puts the key for the former secret back to what it was before the rotation. */
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
