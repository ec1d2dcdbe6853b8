import type { DeployPlan, PlannedEffect } from '../../model/deploy-plan.ts'
import type { PhaseContext } from '../phase.ts'

/** Every change that a deploy of this plan makes, by kind and target. `change` of the phase context refuses any other. */
export function plannedEffects(
  { service, environment, run }: PhaseContext,
  { image, migrations, stripe, cronJobs }: Pick<DeployPlan, 'image' | 'migrations' | 'stripe' | 'cronJobs'>,
): readonly PlannedEffect[] {
  const { name, key } = service.stripe.secret
  const creates = stripe.action === 'create' || stripe.action === 'replace'
  return [
    ...(typeof image.build === 'object'
      ? [{ kind: 'image-push', target: `${service.image.repository}:${run.version}` } as const]
      : []),
    ...migrations.map(({ file }) => ({ kind: 'migration', target: file }) as const),
    ...(creates || stripe.endsOverlap === true || stripe.tidies !== undefined
      ? [{ kind: 'secret-key', target: `${name}/${key}` } as const]
      : []),
    { kind: 'image', target: service.deployment },
    ...(stripe.restarts ?? []).map((target) => ({ kind: 'restart', target }) as const),
    ...(stripe.action === 'keep' ? [] : [{ kind: 'stripe-endpoint', target: environment.webhookUrl } as const]),
    ...(stripe.retires ?? []).map((target) => ({ kind: 'stripe-endpoint', target }) as const),
    // What an endpoint owes that is disabled, or that is gone, is sent again.
    ...(creates || stripe.retires !== undefined ? [{ kind: 'events', target: environment.webhookUrl } as const] : []),
    ...cronJobs.map(({ name: target }) => ({ kind: 'cronjob', target }) as const),
  ]
}
