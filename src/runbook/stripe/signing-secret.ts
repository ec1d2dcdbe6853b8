import type { SecretKeyState } from '../../adapters/kubernetes/secrets/port.ts'
import { bare, joined, type Sensitive } from '../../sensitive.ts'
import type { SecretBefore } from '../../model/effects/secret-key.ts'
import { causeOf, type PhaseContext, planOf } from '../phase.ts'
import { timeLimit } from '../../time-limit.ts'

/*
 * The signing secret on its way into the cluster, which it never leaves again: the former value is copied under another
 * key of the same Secret, named after the run, and a rollback puts it back from there. The phase `rollout` calls this,
 * and every step may be repeated after a crash: it reads the former value from its copy. Where the service believes two
 * secrets (a list, or a key for the former one), both are there while pods change; `settleOldRotation` takes the former
 * one away once a later run no longer needs it. Pods that read the Secret only at their start are replaced by an
 * annotation with its fingerprint.
 */

/** An annotation on the pod template that tells, as a fingerprint, which secret its pods read at their start. */
export const secretAnnotation = 'purser/stripe-credentials'

interface Store {
  /** False when what the key held belongs to no endpoint, so that nothing is gained by putting it back. */
  readonly formerKnown: boolean
  readonly takeOver: readonly string[]
}

/**
 * Writes the secret of a new endpoint. The former value stays beside it as the service can read it (a list, or a key of
 * its own), so that both endpoints are believed while pods change; it is also kept aside for a rollback.
 */
export async function storeSecret(
  context: PhaseContext,
  signingSecret: Sensitive,
  { formerKnown, takeOver }: Store,
): Promise<void> {
  const { world, service } = context
  const { name, key, acceptsList, previousKey } = service.stripe.secret
  await context.change('store the signing secret', {
    kind: 'secret-key',
    target: `${name}/${key}`,
    before: async (signal) => ({
      ...(await keepAside(context, signal)),
      ...(formerKnown ? {} : { unusable: true }),
    }),
    act: async ({ keptUnder }, signal) => {
      // The former value is read from where it was kept aside: a repeat may find the new one in its place.
      const kept = keptUnder === null ? undefined : await world.cluster.readSecretKey(name, keptUnder, signal)
      const [former] = kept?.parts(',') ?? []
      const both = acceptsList && former !== undefined ? joined([signingSecret, former], ',') : signingSecret
      const previous = previousKey !== undefined && former !== undefined ? { [previousKey]: former } : {}
      await world.cluster.writeSecret(name, { keys: { ...previous, [key]: both }, takeOver }, signal)
      return { fingerprint: both.fingerprint }
    },
  })
}

/** The key under which a run keeps the former value of another one. */
export function asideKey(key: string, run: number): string {
  return `${key}.before-run-${run}`
}

/** Copies the former values to other keys of the same Secret, from where a rollback puts them back. */
export async function keepAside({ world, service, run }: PhaseContext, signal: AbortSignal): Promise<SecretBefore> {
  const { name, key, previousKey } = service.stripe.secret
  const state = await world.cluster.secretKey(name, key, signal)
  const aside = async (one: string) => {
    const value = await world.cluster.readSecretKey(name, one, signal)
    if (value === undefined) return null
    await world.cluster.writeSecret(name, { keys: { [asideKey(one, run.number)]: value } }, signal)
    return asideKey(one, run.number)
  }
  return {
    secretExists: state.secretExists,
    keyExists: state.keyExists,
    fingerprint: state.fingerprint ?? null,
    keptUnder: await aside(key),
    ...(previousKey === undefined ? {} : { previous: { key: previousKey, keptUnder: await aside(previousKey) } }),
  }
}

/**
 * Ends an earlier rotation once no rollback needs the former secret any more: the service is told the new one only. The
 * phase `rollout` does it, because there it replaces the pods that read the Secret at their start.
 */
export async function settleOldRotation(context: PhaseContext): Promise<void> {
  const { world, service, signal } = context
  const { name, key, previousKey } = service.stripe.secret
  if (!(await endsOverlap(context, await world.cluster.secretKey(name, key, signal)))) return
  await context.change('end the overlap of the signing secrets', {
    kind: 'secret-key',
    target: `${name}/${key}`,
    before: (inner) => keepAside(context, inner),
    act: async (_stood, inner) => {
      const [current] = (await world.cluster.readSecretKey(name, key, inner))?.parts(',') ?? []
      if (current === undefined) return null
      const previous = previousKey === undefined ? {} : { [previousKey]: undefined }
      const { takeOver = [] } = planOf(context.run).stripe
      await world.cluster.writeSecret(name, { keys: { [key]: current, ...previous }, takeOver }, inner)
      return { fingerprint: current.fingerprint }
    },
  })
}

/**
 * Writes the value anew without what stands around it: a newline that `echo` left, a space. The phase `rollout` does it,
 * because there it replaces the pods that read the Secret at their start.
 */
export async function tidySecret(context: PhaseContext, takeOver: readonly string[]): Promise<void> {
  const { world, service } = context
  const { name, key } = service.stripe.secret
  await context.change('write the signing secret without what stands around it', {
    kind: 'secret-key',
    target: `${name}/${key}`,
    before: (inner) => keepAside(context, inner),
    act: async (_stood, inner) => {
      const parts = (await world.cluster.readSecretKey(name, key, inner))?.parts(',') ?? []
      if (parts.length === 0) return null
      const tidy = joined(parts.map(bare), ',')
      await world.cluster.writeSecret(name, { keys: { [key]: tidy }, takeOver }, inner)
      return { fingerprint: tidy.fingerprint }
    },
  })
}

/** Tells whether the next deploy tells the service the new secret only. */
export async function endsOverlap(context: PhaseContext, state: SecretKeyState): Promise<boolean> {
  const { key, previousKey } = context.service.stripe.secret
  const twofold = state.fingerprints.length > 1 || (previousKey !== undefined && state.keys.includes(previousKey))
  return twofold && isClosed(context, state.keys, key)
}

/**
 * Tells that the rotation is Purser's own (a list that people have written is theirs), and that every run that kept a
 * value aside is beyond its rollback.
 */
async function isClosed(context: PhaseContext, keys: readonly string[], key: string): Promise<boolean> {
  const closed = await context.records.rollbackClosedUpTo(context.environment.policy.rollbackButtonHours)
  const kept = keptAside(keys, key)
  return kept.length > 0 && kept.every(({ run }) => run <= closed)
}

/** Lists the keys under which former values of a key are kept, and the run that kept each. */
export function keptAside(
  keys: readonly string[],
  key: string,
): readonly { readonly name: string; readonly run: number }[] {
  return keys.flatMap((name) => {
    const run = name.startsWith(`${key}.before-run-`) ? /\.before-run-(\d+)$/.exec(name)?.[1] : undefined
    return run === undefined ? [] : [{ name, run: Number(run) }]
  })
}

/** Restarts the other workloads that read the Secret at their start; their pods are replaced after the service's. */
export async function restartConsumers(context: PhaseContext): Promise<void> {
  const { service, run } = context
  const { name } = service.stripe.secret
  const restarts = planOf(run).stripe.restarts ?? []
  const effects = await context.records.effectsOf(run.number)
  if (restarts.length === 0 || !effects.some(({ kind }) => kind === 'secret-key')) return
  for (const deployment of restarts) {
    await context.report(`restarting ${deployment}, which reads Secret ${name}`)
    await context.change(`restart ${deployment}`, {
      kind: 'restart',
      target: deployment,
      before: async () => ({ secret: name }),
      act: (_before, inner) => restart(context, deployment, inner),
    })
  }
}

/** Restarts a Deployment. It is safe to repeat, as an equal fingerprint changes nothing. */
export async function restart(context: PhaseContext, deployment: string, signal: AbortSignal): Promise<null> {
  const { world, service } = context
  const { name, key } = service.stripe.secret
  const { fingerprint = 'none' } = await world.cluster.secretKey(name, key, signal)
  await world.cluster.restart(
    {
      deployment,
      templateAnnotations: { [secretAnnotation]: fingerprint },
      changeCause: causeOf(context),
      onProgress: (line) => void context.report(line).catch(() => undefined),
    },
    AbortSignal.any([signal, timeLimit(service.rollout.timeoutMinutes * 60_000)]),
  )
  return null
}
