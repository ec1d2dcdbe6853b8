import type { ContainerImage, DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import { sameRepository, tagOf } from '../../image-name.ts'
import { flattened } from '../../model/configuration.ts'
import type { DeployPlan, PlannedImage } from '../../model/deploy-plan.ts'
import type { Tagged } from '../../model/revision-label.ts'
import { clusterFacts, clusterRisks } from './cluster-risks.ts'
import { sentence } from '../../text.ts'
import { causeOf, type Phase, type PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { containersBeside } from '../rollout/going-along.ts'
import { planImage } from '../rollout/image.ts'
import { revisionWords } from '../rollout/revision-words.ts'
import { requireRights } from '../stripe/account/requirements.ts'
import { stripeOutlook } from '../stripe/account/outlook.ts'
import { planStripe } from './stripe-plan.ts'
import { schemaRisks } from '../migrate/schema-check.ts'
import { secretAnnotation } from '../stripe/signing-secret.ts'
import { planBackup } from '../preflight/planned-backup.ts'
import { planChanges } from './changes-plan.ts'
import { comparedConfiguration } from '../confirm/compared-configuration.ts'
import { planCronJobs } from './cronjobs-plan.ts'
import { requireProvenBefore } from './environment-order.ts'
import { gitRisks } from './git-risks.ts'
import { readIdentities } from '../confirm/identities.ts'
import { planMigrations } from './migrations-plan.ts'
import { comesBackRisks } from '../owners/owners.ts'
import { plannedEffects } from './planned-effects.ts'
import { requireReadOnlyQueries } from '../verify/configured-queries.ts'
import { rollbackPreview } from './rollback-preview.ts'

/** What the deploy will do. Changes nothing. */
export const plan: Phase = async (context) => {
  await context.report('looking at the repository, the registry, the cluster, the database and Stripe')
  const made = await readablePlan(context)
  const line = `${made.current.version ?? made.current.image} → ${made.version} in ${context.environment.namespace}`
  return { line, plan: made }
}

/** The plan with what is only for reading: it is not made again with the rest, so nothing of it can void an approval. */
async function readablePlan(context: PhaseContext): Promise<DeployPlan> {
  await requireRights(context)
  const made = await makePlan(context)
  const outlook = await stripeOutlook(context, made.stripe)
  const stripe = { ...made.stripe, ...(outlook.notes.length === 0 ? {} : { notes: outlook.notes }) }
  const risks = [...made.risks, ...outlook.risks]
  const [changes, backup] = await Promise.all([
    planChanges(context, made.current, made.commit.sha),
    planBackup(context),
  ])
  return { ...made, stripe, risks, changes, ...(backup === undefined ? {} : { backup }) }
}

/**
 * The plan of a deploy, from read-only looks at every side: the same facts give the same plan. It is made again before each
 * phase of an approved deploy, and compared (`confirm-plan.ts`).
 */
export async function makePlan(context: PhaseContext): Promise<DeployPlan> {
  const { world, service, environment, run, signal } = context
  const commit = await world.repository.resolveVersion(run.version, signal)
  const image = await planImage(context, commit)
  await requireProvenBefore(context, { commit, image })
  const [deployment, migrations, cronJobs, facts, checkoutRisks] = await Promise.all([
    currentDeployment(context),
    planMigrations(context, commit.sha),
    planCronJobs(context, commit.sha, image.reference),
    clusterFacts(context),
    gitRisks(context, commit.sha),
    requireReadOnlyQueries(context),
  ])
  const consumers = facts.secretConsumers.others
  const { stripe, decision: endpoint, risks: stripeRisks, podsRead } = await planStripe(context, consumers)
  const currentVersion = await versionOf(context, deployment.image)
  const leadsTo = await readIdentities(context, deployment)
  const schema = await schemaRisks(context, migrations.schema, currentVersion)
  const beside = containersBeside(deployment.images, service.container, currentVersion)
  const dryRun = await world.cluster.setImage(
    {
      deployment: service.deployment,
      container: service.container,
      image: image.reference,
      along: beside.along,
      changeCause: causeOf(context),
      templateAnnotations: podsRead === undefined ? {} : { [secretAnnotation]: podsRead },
      dryRun: true,
    },
    signal,
  )
  return {
    kind: 'deploy',
    version: run.version,
    environment: run.environment,
    commit: { sha: commit.sha, subject: commit.subject },
    image,
    current: {
      image: deployment.image,
      version: currentVersion,
      revision: deployment.revision,
      replicas: deployment.replicas,
      templateHash: deployment.templateHash,
      settings: flattened(deployment.settings, 'spec'),
    },
    migrations: migrations.planned,
    cluster: dryRun.differences,
    stripe,
    cronJobs: cronJobs.planned,
    rollback: rollbackPreview(context, deployment, endpoint, cronJobs.planned, image),
    risks: [
      ...isolationRisk(context),
      ...checkoutRisks,
      ...schema.risks,
      ...migrations.risks,
      ...clusterRisks(context, deployment, image.platforms, facts),
      ...comesBackRisks({
        object: `Deployment ${service.deployment}`,
        owners: dryRun.taken,
        claims: deployment.claims,
      }),
      ...imageRisks(image, dryRun.outcome === 'unchanged'),
      ...revisionRisk(context, commit, image),
      ...stayingRisk(beside.staying),
      ...strangerRisk(context, deployment),
      ...risksOf(context, deployment),
      ...cronJobs.risks,
      ...stripeRisks,
      ...leadsTo.risks,
    ],
    ...(schema.closesRollback === undefined ? {} : { closesRollback: schema.closesRollback }),
    ...(schema.mayFail === true ? { rollbackMayFail: true as const } : {}),
    ...(migrations.read === undefined ? {} : { read: migrations.read }),
    estimateMinutes: estimateOf(context),
    monitorMinutes: service.monitor.minutes,
    configuration: comparedConfiguration(service, environment),
    identities: leadsTo.identities,
    effects: plannedEffects(context, { image, migrations: migrations.planned, stripe, cronJobs: cronJobs.planned }),
  }
}

export async function currentDeployment(
  { world, service, environment, signal }: PhaseContext,
  { mayBePaused = false } = {},
): Promise<DeploymentState> {
  const deployment = await world.cluster.deployment(service.deployment, service.container, signal)
  if (deployment === undefined)
    throw new CheckFailed(
      'deployment_missing',
      `reading deployment ${service.deployment}: namespace ${environment.namespace} has none`,
      {
        hint: "Purser doesn't create Deployments. Apply it once by hand.",
      },
    )
  if (!deployment.containers.includes(service.container))
    throw new CheckFailed(
      'container_missing',
      `reading deployment ${service.deployment}: no container ${service.container}`,
      {
        hint: `It has ${deployment.containers.join(', ')}. Correct service.container in purser.yaml.`,
      },
    )
  if (deployment.paused && !mayBePaused)
    throw new CheckFailed('deployment_paused', `deployment ${service.deployment} is paused`, {
      hint: `kubectl rollout resume deployment/${service.deployment} -n ${environment.namespace}`,
    })
  return deployment
}

const mostTagsTried = 10

/** Tells which version runs now: the image's tag, or the newest tag that has its digest. */
export async function versionOf({ world, service, signal }: PhaseContext, image: string): Promise<string | undefined> {
  const tag = tagOf(image)
  if (tag !== undefined) return tag
  const digest = image.split('@')[1]
  const tags = (await world.repository.tags(signal)).slice(0, mostTagsTried)
  const digests = await Promise.all(
    tags.map((tag) => world.registry.resolve(service.image.repository, tag.name, signal).catch(() => undefined)),
  )
  return tags[digests.findIndex((one) => one?.digest === digest)]?.name
}

function imageRisks({ build, reference }: PlannedImage, sameImage: boolean): readonly string[] {
  if (typeof build === 'object') {
    if (build.replaces === null) return []
    const now = `${reference} is in the registry already (${build.replaces.slice(0, 19)}…)`
    return [`${now}, but does not say that it was built from this commit: the build replaces the image under the tag.`]
  }
  return sameImage ? ['The deployment already runs this image: no pod will be replaced.'] : []
}

/** What is deployed may not be what was reviewed: the image says so itself, or does not say. */
function revisionRisk({ service, run }: PhaseContext, commit: Tagged, image: PlannedImage): readonly string[] {
  if (service.image.revision === 'ignore' || image.digest === undefined) return []
  const words = revisionWords(run.version, commit, image.revision)
  return words === undefined ? [] : [sentence(words)]
}

/** Whoever approves a version lets its commands run; where they run beside Purser's secrets, that is to be known before. */
function isolationRisk({ world: { runner }, run }: PhaseContext): readonly string[] {
  const { kind, sentence } = runner.isolation
  return kind === 'none' ? [`Nothing keeps the commands of ${run.version} apart from Purser. ${sentence}`] : []
}

function stayingRisk(staying: readonly ContainerImage[]): readonly string[] {
  return staying.map(
    ({ name, image, init }) =>
      `${init ? 'Init container' : 'Container'} ${name} keeps a different image of the same repository (${image}). If it belongs to the release, set it by hand.`,
  )
}

/** The Deployment runs something that is not of the configured repository: another registry's, or another service's. */
function strangerRisk({ service }: PhaseContext, { image }: DeploymentState): readonly string[] {
  const { repository } = service.image
  if (sameRepository(image, repository)) return []
  return [`${service.container} runs ${image}, which isn't from ${repository}. This deploy replaces it.`]
}

function risksOf({ service }: PhaseContext, deployment: DeploymentState): readonly string[] {
  return [
    ...(deployment.replicas === 0
      ? [
          `Deployment ${service.deployment} is scaled to zero. The deploy will wait at its rollout until you scale it up.`,
        ]
      : []),
    ...(deployment.revisionHistoryLimit === 0
      ? ["revisionHistoryLimit is 0: the previous ReplicaSet isn't kept."]
      : []),
    ...(deployment.availableReplicas < deployment.replicas
      ? [`Only ${deployment.availableReplicas} of ${deployment.replicas} pods are available now.`]
      : []),
  ]
}

/**
 * Estimates the minutes of the runbook's deployment steps, without pre-flight and monitoring, as its "Total Duration"
 * does.
 */
function estimateOf({ service }: PhaseContext): number {
  const { migrate, rollout, stripe, cronjobs, e2e } = service.phases
  return migrate.minutes + rollout.minutes + stripe.minutes + cronjobs.minutes + e2e.minutes
}
