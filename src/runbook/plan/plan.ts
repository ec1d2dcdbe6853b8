import type { DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import type { BlockingSession, MigrationFile, MigrationLock } from '../../adapters/postgres/port.ts'
import type { DeployPlan, PlannedCronJob, PlannedImage, PlannedMigration } from '../../model/deploy-plan.ts'
import { clusterFacts, clusterRisks } from './cluster-risks.ts'
import { causeOf, type Phase, type PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { planImage } from '../rollout/image.ts'
import { cronJobManifest, tagOf } from '../cronjobs/manifests.ts'
import { migrationFiles, pendingMigrations, severity } from '../migrate/migrations.ts'
import { planStripe } from './stripe-plan.ts'
import { type PlannedSchema, schemaRisks } from '../migrate/schema-check.ts'
import { secretAnnotation } from '../stripe/signing-secret.ts'
import type { EndpointDecision } from '../stripe/webhook-endpoint.ts'

/** What the deploy will do, from read-only looks at every side. Changes nothing; the same facts give the same plan. */
export const plan: Phase = async (context) => {
  const { world, service, environment, run, signal } = context
  await context.report('reading the repository and the registry')
  const commit = await world.repository.resolveVersion(run.version, signal)
  const image = await planImage(context, commit.sha)

  await context.report('looking at the cluster, the database and Stripe')
  const [deployment, migrations, cronJobs, facts] = await Promise.all([
    currentDeployment(context),
    planMigrations(context, commit.sha),
    planCronJobs(context, commit.sha, image.reference),
    clusterFacts(context),
  ])
  const consumers = facts.secretConsumers.others
  const { stripe, decision: endpoint, risks: stripeRisks, podsRead } = await planStripe(context, consumers)
  const currentVersion = await versionOf(context, deployment.image)
  const schema = await schemaRisks(context, migrations.schema, currentVersion)
  const dryRun = await world.cluster.setImage(
    {
      deployment: service.deployment,
      container: service.container,
      image: image.reference,
      changeCause: causeOf(context),
      templateAnnotations: podsRead === undefined ? {} : { [secretAnnotation]: podsRead },
      dryRun: true,
    },
    signal,
  )
  const made: DeployPlan = {
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
    },
    migrations: migrations.planned,
    cluster: dryRun.differences,
    stripe,
    cronJobs,
    rollback: rollbackPreview(context, deployment, endpoint, cronJobs, image),
    risks: [
      ...schema,
      ...migrations.risks,
      ...clusterRisks(context, deployment, image.platforms, facts),
      ...imageRisks(image, dryRun.outcome === 'unchanged'),
      ...risksOf(deployment, migrations.planned),
      ...stripeRisks,
    ],
    estimateMinutes: estimateOf(context),
    monitorMinutes: service.monitor.minutes,
  }
  const line = `${made.current.version ?? made.current.image} → ${run.version} in ${environment.namespace}`
  return { line, plan: made }
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
        hint: 'Purser updates a deployment, it does not create one: apply it once by hand.',
      },
    )
  if (!deployment.containers.includes(service.container))
    throw new CheckFailed(
      'container_missing',
      `reading deployment ${service.deployment}: no container ${service.container}`,
      {
        hint: `It has ${deployment.containers.join(', ')}; correct service.container in purser.yaml.`,
      },
    )
  if (deployment.paused && !mayBePaused)
    throw new CheckFailed('deployment_paused', `deployment ${service.deployment} is paused`, {
      hint: `kubectl rollout resume deployment/${service.deployment} -n ${environment.namespace}`,
    })
  return deployment
}

async function planMigrations(
  { world, service, signal }: PhaseContext,
  commit: string,
): Promise<{
  readonly planned: readonly PlannedMigration[]
  readonly risks: readonly string[]
  readonly schema: PlannedSchema
}> {
  const [files, ledger, facts, untried, invalid] = await Promise.all([
    migrationFiles(world, service.migrations, commit, signal),
    world.database.ledger(signal),
    world.database.facts(signal),
    world.backups.whyNoTestRestore(signal),
    world.database.invalidIndexes(signal),
    // A deploy is refused now rather than after the approval: without tools for this server there will be no backup.
    world.backups.clientVersion(signal),
  ])
  const pending = pendingMigrations(files, ledger, service.migrations)
  const lint = async (file: MigrationFile): Promise<PlannedMigration> => ({
    file: file.name,
    version: file.version,
    sha256: file.sha256,
    findings: severity(await world.lint.check(file.sql, facts.serverVersion, signal)),
  })
  const locks = await Promise.all(
    pending.map(async (file) => ({ file, taken: await world.database.locks(file.sql, signal) })),
  )
  const locked = locks.flatMap(({ taken }) => taken)
  const blocking = locked.length === 0 ? [] : await world.database.blocking(locked, signal)
  const risks = [
    ...locks.flatMap(({ file, taken }) => taken.flatMap((lock) => lockRisk(file, lock))),
    ...blocking.map((one) => blockingRisk(one, service.migrations.blockers)),
    ...invalid.map(
      (name) => `Index ${name} is invalid (a concurrent build was broken off): it slows writes and helps nobody.`,
    ),
    ...(untried === undefined ? [] : [`The backup will not be tried out by a restore: ${untried}.`]),
  ]
  return { planned: await Promise.all(pending.map(lint)), risks, schema: { files, ledger, pending } }
}

/** Words a session that blocks; its age is rounded, so that a plan made again a minute later reads the same. */
function blockingRisk(session: BlockingSession, policy: 'name' | 'end'): string {
  const { table, pid, who, user, state, seconds: age, query } = session
  const since = age < 60 ? 'under a minute' : `${Math.floor(age / 60)} min`
  const named = who === user ? user : `${who}, user ${user}`
  const end = policy === 'end' ? 'it is ended before the last try' : 'nobody ends it'
  return `${table} is held by pid ${pid} (${named}, ${state}, for ${since}): ${query} – a migration that needs the table waits for it; ${end}.`
}

/**
 * Words the locks that a migration takes; sizes are rounded, so that a plan made again a minute later reads the same.
 */
function lockRisk(file: MigrationFile, lock: MigrationLock): readonly string[] {
  if (lock.blocks === 'only other schema changes') return []
  const rows =
    lock.rows < 1_000 ? 'under 1,000 rows' : `about ${Number(lock.rows.toPrecision(1)).toLocaleString('en')} rows`
  const megabytes = lock.bytes / 1_000_000
  const size = megabytes < 1 ? 'under 1 MB' : `about ${Number(megabytes.toPrecision(1)).toLocaleString('en')} MB`
  return [
    `${file.name}:${lock.line} blocks ${lock.blocks} on ${lock.table} (${size}, ${rows}): ${lock.mode} until the file is done.`,
  ]
}

async function planCronJobs(
  { world, service, environment, signal }: PhaseContext,
  commit: string,
  image: string,
): Promise<readonly PlannedCronJob[]> {
  const wanted = service.cronJobs.map(({ name, manifest }) => ({ name, path: manifest }))
  const manifests = await world.repository.readAll(commit, wanted, signal)
  return Promise.all(
    manifests.map(async ({ name, path: manifest, text }) => {
      const release = {
        file: manifest,
        name,
        namespace: environment.namespace,
        repository: service.image.repository,
        image,
      }
      const { object, schedule } = cronJobManifest(text, release)
      const { outcome, differences } = await world.cluster.apply(object, { dryRun: true }, signal)
      return { name, manifest, schedule, outcome, differences }
    }),
  )
}

const mostTagsTried = 10

/** Tells which version runs now: the image's tag, or the newest tag that has its digest. */
async function versionOf({ world, service, signal }: PhaseContext, image: string): Promise<string | undefined> {
  const tag = tagOf(image)
  if (tag !== undefined) return tag
  const digest = image.split('@')[1]
  const tags = (await world.repository.tags(signal)).slice(0, mostTagsTried)
  const digests = await Promise.all(
    tags.map((tag) => world.registry.resolve(service.image.repository, tag.name, signal).catch(() => undefined)),
  )
  return tags[digests.findIndex((one) => one?.digest === digest)]?.name
}

function rollbackPreview(
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
      (job) => `CronJob ${job.name}: ${job.outcome === 'created' ? 'delete' : 'back to the former manifest'}`,
    ),
    `Stripe endpoint ${environment.webhookUrl}: ${endpointBack(endpoint, lost)}`,
    `Deployment ${service.deployment}: back to ${tagOf(deployment.image) ?? deployment.image}`,
    ...(created && !lost
      ? [`Secret ${service.stripe.secret.name}/${service.stripe.secret.key}: back to what it was`]
      : []),
    'The schema stays: migrations are not rolled back.',
    ...(typeof image.build === 'object'
      ? [`The image that is built stays in the registry as ${image.reference}.`]
      : []),
  ]
}

function imageRisks({ build, reference, revision }: PlannedImage, sameImage: boolean): readonly string[] {
  if (typeof build === 'object') {
    if (build.replaces === null) return []
    const now = `${reference} is in the registry already (${build.replaces.slice(0, 19)}…)`
    return [`${now}, but does not say that it was built from this commit: the build puts another image under the tag.`]
  }
  return [
    ...(sameImage ? ['The deployment already runs this image: no pod will be replaced.'] : []),
    ...(revision === undefined ? ['The image does not say which commit it was built from.'] : []),
  ]
}

function endpointBack({ action, endpoint }: EndpointDecision, lost: boolean): string {
  if (lost) return "the new one stays: nobody holds the former one's secret"
  if (action === 'replace' && endpoint?.status === 'enabled') return `back to ${endpoint.id}`
  return action === 'create' || action === 'replace' ? 'disable' : 'back to its former events and state'
}

function risksOf(deployment: DeploymentState, migrations: readonly PlannedMigration[]): readonly string[] {
  const locks = migrations.flatMap((migration) =>
    migration.findings
      .filter((finding) => finding.severity === 'block')
      .map((finding) => `${migration.file}:${finding.line} ${finding.rule}: ${finding.message}`),
  )
  return [
    ...locks,
    ...(deployment.revisionHistoryLimit === 0 ? ['revisionHistoryLimit is 0: the former ReplicaSet is not kept.'] : []),
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
