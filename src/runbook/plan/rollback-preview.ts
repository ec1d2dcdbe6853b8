import type { DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import type { PlannedCronJob, PlannedImage } from '../../model/deploy-plan.ts'
import { tagOf } from '../../image-name.ts'
import type { PhaseContext } from '../phase.ts'
import type { EndpointDecision } from '../stripe/webhook-endpoint.ts'

/** What a rollback would do, in its order. */
export function rollbackPreview(
  { service, environment }: PhaseContext,
  deployment: DeploymentState,
  endpoint: EndpointDecision,
  cronJobs: readonly PlannedCronJob[],
  image: PlannedImage,
): readonly string[] {
  const created = endpoint.action === 'create' || endpoint.action === 'replace'
  const lost = endpoint.why === 'secret' && endpoint.endpoint?.status === 'enabled'
  return [
    ...cronJobs.map(
      (job) => `CronJob ${job.name}: ${job.outcome === 'created' ? 'delete' : 'restore the previous manifest'}`,
    ),
    `Stripe endpoint ${environment.webhookUrl}: ${endpointBack(endpoint, lost)}`,
    `Deployment ${service.deployment}: back to ${tagOf(deployment.image) ?? deployment.image}`,
    ...(created && !lost
      ? [`Secret ${service.stripe.secret.name}/${service.stripe.secret.key}: ${secretBack(endpoint)}`]
      : []),
    'Migrations stay. Rolling back never reverts the schema.',
    ...(typeof image.build === 'object'
      ? [`The image that is built stays in the registry as ${image.reference}.`]
      : []),
  ]
}

function secretBack({ secret }: EndpointDecision): string {
  return secret === 'missing' ? 'remove it, as it is not there today' : 'restore the previous value'
}

function endpointBack({ action, endpoint }: EndpointDecision, lost: boolean): string {
  if (lost) return "the new one stays: the previous one's secret is unknown"
  if (action === 'replace' && endpoint?.status === 'enabled') return `back to ${endpoint.id}`
  return action === 'create' || action === 'replace' ? 'disable' : 'restore its previous events and state'
}
