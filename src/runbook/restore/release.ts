import type { DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import type { LedgerEntry } from '../../adapters/postgres/port.ts'
import { sameImage } from '../../image-name.ts'
import type { KeptBackup } from '../../model/backup.ts'
import type { PlannedEffect } from '../../model/deploy-plan.ts'
import type { Effect, EffectOf } from '../../model/effects/effects.ts'
import { type CandidateRelease, type FittingRelease, fittingRelease } from '../../model/fitting-release.ts'
import { type NamedRelease, nameOf, type RestoredRelease } from '../../model/restored-release.ts'
import { rollbackTargetOf } from '../../model/rollback-target.ts'
import { isOpen, planUndo, type UndoPlan, withRollbackTarget } from '../../model/undo-plan.ts'
import { CheckFailed } from '../errors.ts'
import { releaseOf, schemaNow } from '../migrate/schema-check.ts'
import type { PhaseContext } from '../phase.ts'
import { versionOf } from '../plan/plan.ts'
import { ledgerHeld } from '../preflight/preflight.ts'

/*
 * Which release a restore leaves running. The records say what served when the backup was made, and what runs have
 * changed since: image, CronJobs, endpoint and Secret. Where what runs now cannot run on the restored schema, those
 * changes are put back within the downtime of the restore, as a rollback of all these runs would, and are recorded as
 * effects of the restore, so that its own rollback makes them again. Nothing is guessed: where no record leads to a
 * release that fits, somebody has to say that the running one stays, and why.
 */

/** What a restore puts back beside the database. */
const releaseKinds = ['image', 'stripe-endpoint', 'secret-key', 'cronjob', 'restart'] as const
type ReleaseEffect = EffectOf<(typeof releaseKinds)[number]>

export function isOfRelease(effect: Effect): effect is ReleaseEffect {
  return (releaseKinds as readonly string[]).includes(effect.kind)
}

/** The facts of a plan that the release follows from. */
interface Planned {
  readonly backup: KeptBackup
  /** When its dump began, by ISO 8601. */
  readonly startedAt: string
  readonly deployment: DeploymentState
  readonly ledger: readonly LedgerEntry[]
  /** Why somebody wants the running release to stay; undefined when nobody does. */
  readonly keep: string | undefined
}

/**
 * Plans which release runs after the restore. Raises `release_unknown` where no record leads to one that fits and nobody
 * has said that the running one stays. Changes nothing.
 */
export async function planRelease(context: PhaseContext, planned: Planned): Promise<RestoredRelease> {
  const { deployment, backup, keep } = planned
  const running = await runningRelease(context, deployment.image)
  const since = (await context.records.effectsSince(backup.run)).filter(isOfRelease).filter(isOpen)
  const served = await servedThen(context, backup, since)
  const wayBack = await wayBackOf(context, since, served)
  const { changes } = await schemaNow(context, [])
  const facts = {
    schema: {
      applied: await ledgerOf(context, planned),
      changes,
      baseline: context.service.migrations.baseline,
    },
    running: await candidate(context, running),
    served: served === undefined ? undefined : await candidate(context, served),
    noWayBack: wayBack.ok ? undefined : wayBack.why,
  }
  const fitting = fittingRelease(facts)
  const stands = { running: { ...running, templateHash: deployment.templateHash } }
  const doubts = fitting.release === 'unknown' || fitting.doubts === undefined ? {} : { doubts: fitting.doubts }
  if (fitting.release === 'running') return { ...stands, after: 'running', ...doubts }
  if (keep !== undefined) return { ...stands, after: 'kept', reason: keep, ...keptFacts(fitting) }
  if (fitting.release === 'former' && served !== undefined && wayBack.ok) {
    const undo = await possible(context, wayBack.undo, since)
    const noEvents = await whyNoEvents(context, undo, since, served)
    return {
      ...stands,
      after: 'former',
      earlier: served,
      because: fitting.because,
      undo,
      ...doubts,
      ...(noEvents === undefined ? {} : { noEvents }),
    }
  }
  throw new CheckFailed(
    'release_unknown',
    `planning the restore: no record tells which version runs on the schema of ${backup.file}`,
    {
      evidence: fitting.because,
      hint: `Request the restore again and choose to keep ${nameOf(running)}, with the reason. Or restore a newer backup.`,
    },
  )
}

/** Names what runs: as the run that rolled it out has recorded it, else by a tag of its image. */
async function runningRelease(context: PhaseContext, image: string): Promise<NamedRelease> {
  const known = await releaseOf(context, { version: null, image })
  return named(known?.version ?? (await versionOf(context, image)), image)
}

function keptFacts(fitting: Exclude<FittingRelease, { release: 'running' }>) {
  const unfit = fitting.release === 'former' ? true : fitting.runningFits === false
  return { because: fitting.because, unfit }
}

function named(version: string | null | undefined, image: string): NamedRelease {
  return { ...(version === undefined || version === null ? {} : { version }), image }
}

async function candidate(context: PhaseContext, { version, image }: NamedRelease): Promise<CandidateRelease> {
  const known = await releaseOf(context, { version: version ?? null, image })
  return { version: version ?? known?.version, image, migrations: known?.migrations }
}

/** Tells what served when the backup was made: as its run saw it then, or as the first change since found it. */
async function servedThen(
  { records, service }: PhaseContext,
  backup: KeptBackup,
  since: readonly ReleaseEffect[],
): Promise<NamedRelease | undefined> {
  const plan = await records.planOf(backup.run)
  const seen = plan?.kind === 'deploy' ? plan.current : plan?.kind === 'restore' ? plan.release?.running : undefined
  const first = imagesOf(since, service.deployment)[0]
  // Where pods of the current revision failed, what the run recorded is the revision that served beside them.
  if (first !== undefined && (first.run === backup.run || seen === undefined)) {
    const { image, version } = first.before
    return named(version ?? (seen !== undefined && sameImage(seen.image, image) ? seen.version : undefined), image)
  }
  return seen === undefined ? undefined : named(seen.version, seen.image)
}

type WayBack = { readonly ok: true; readonly undo: UndoPlan } | { readonly ok: false; readonly why: string }

/** Makes the list of what leads back to what served, from what is recorded since; or says why nothing does. */
async function wayBackOf(
  context: PhaseContext,
  since: readonly ReleaseEffect[],
  served: NamedRelease | undefined,
): Promise<WayBack> {
  const { world, service, signal, run } = context
  const images = imagesOf(since, service.deployment)
  const [first, last] = [images[0], images.at(-1)]
  if (first === undefined || last === undefined || served === undefined)
    return { ok: false, why: 'no run of Purser has changed the image since the backup' }
  const { before } = first
  if (!sameImage(before.image, served.image))
    return { ok: false, why: `the image was changed by other hands since ${nameOf(served)} served` }
  if (before.proven === false) return { ok: false, why: `nobody has seen ${nameOf(served)} serve` }
  const seen = await world.cluster.history(service.deployment, service.container, signal)
  const answer = rollbackTargetOf(seen, { ...last, before }, [], undefined)
  if (!answer.ok)
    return {
      ok: false,
      why:
        answer.refusal.reason === 'paused'
          ? `deployment ${service.deployment} is paused`
          : `deployment ${service.deployment} was changed by other hands since run #${last.run}`,
    }
  const undo = planUndo(run.number, since, { strict: false })
  return { ok: true, undo: withRollbackTarget(undo, withVersion(answer.rollbackTarget, served)) }
}

/** Names the version of what comes back, which the cluster does not know. */
function withVersion(
  target: Extract<NonNullable<UndoPlan['rollbackTarget']>, { kind: 'seen' }>,
  { version }: NamedRelease,
): typeof target {
  return target.to === null || version === undefined ? target : { ...target, to: { ...target.to, version } }
}

/** Leaves out what cannot be put back any more, and says so: a value that is not kept, an endpoint that is gone. */
async function possible(
  { world, signal }: PhaseContext,
  undo: UndoPlan,
  since: readonly ReleaseEffect[],
): Promise<UndoPlan> {
  const steps: UndoPlan['steps'][number][] = []
  const stays = [...undo.stays]
  for (const step of undo.steps) {
    const effect = since.find(({ id }) => id === step.effect)
    if (effect?.kind === 'secret-key') {
      const [secret = '', key = ''] = effect.target.split('/')
      const { keys } = await world.cluster.secretKey(secret, key, signal)
      const { keptUnder } = effect.before
      if (keptUnder !== null && !keys.includes(keptUnder)) {
        stays.push(`Secret ${effect.target} stays: its value of then is not kept any more.`)
        continue
      }
      const line = effect.before.keyExists ? step.line : `Secret ${effect.target}: take the key away, kept aside`
      steps.push({ ...step, line })
      continue
    }
    if (effect?.kind === 'stripe-endpoint') {
      const id = endpointIdOf(effect)
      if (id === undefined || (await world.stripe.endpoint(id, signal)) === undefined) {
        stays.push(`Stripe endpoint ${effect.target} stays as it is: the one of then is gone.`)
        continue
      }
    }
    if (effect?.kind === 'cronjob' && JSON.stringify(effect.before.manifest).includes('[masked]')) {
      stays.push(`CronJob ${effect.target} stays: its manifest of then held a secret, which isn't recorded.`)
      continue
    }
    steps.push(step)
  }
  return { ...undo, steps, stays }
}

/** Says why there is nobody to send events to: then, the service had no Stripe endpoint, or a disabled one. */
async function whyNoEvents(
  { environment }: PhaseContext,
  undo: UndoPlan,
  since: readonly ReleaseEffect[],
  former: NamedRelease,
): Promise<string | undefined> {
  for (const { effect: id } of undo.steps) {
    const effect = since.find((one) => one.id === id)
    if (effect?.kind !== 'stripe-endpoint' || effect.target !== environment.webhookUrl) continue
    const { insteadOf, status } = effect.before
    if (
      insteadOf === undefined &&
      (effect.before.id === null || status === 'disabled') &&
      !replacesOther(effect, since)
    )
      return `${nameOf(former)} had no enabled Stripe endpoint`
  }
  return undefined
}

/** Tells that the endpoint took the place of another one, which is enabled again. */
function replacesOther(effect: EffectOf<'stripe-endpoint'>, since: readonly ReleaseEffect[]): boolean {
  return since.some(
    (one) =>
      one.kind === 'stripe-endpoint' &&
      one.id !== effect.id &&
      one.before.id !== null &&
      one.before.status === 'enabled',
  )
}

export function endpointIdOf({ before, after }: EffectOf<'stripe-endpoint'>): string | undefined {
  return before.id ?? after?.id
}

function imagesOf(effects: readonly ReleaseEffect[], deployment: string): readonly EffectOf<'image'>[] {
  return effects.filter((effect) => effect.kind === 'image').filter(({ target }) => target === deployment)
}

/**
 * Returns the ledger that the backup holds: as it was recorded with it, else what is applied now and was then. A restore
 * that stands since has put another ledger in the place of that one, so nobody knows.
 */
async function ledgerOf({ records }: PhaseContext, { backup, startedAt, ledger }: Planned) {
  if (backup.migrations !== undefined) return backup.migrations.map((one) => ({ ...one, appliedAt: '' }))
  const restored = (await records.effectsSince(backup.run)).some((one) => one.kind === 'database' && isOpen(one))
  return restored
    ? undefined
    : ledgerHeld(ledger, { startedAt, finishedAt: backup.by === 'command' ? backup.finishedAt : startedAt })
}

/** Lists the changes beside the database that bring the former release back, for the plan. */
export function effectsOfRelease(release: RestoredRelease): readonly PlannedEffect[] {
  return release.after === 'former' ? release.undo.steps.map(({ kind, target }) => ({ kind, target })) : []
}
