import type { PlannedCronJob } from '../../model/deploy-plan.ts'
import { visible } from '../../outside-text/visible.ts'
import { oneLine } from '../../text.ts'
import { jobName } from '../cronjobs/cronjobs.ts'
import { type CronJobManifest, cronJobManifest, suspended } from '../cronjobs/manifests.ts'
import { comesBackRisks, merged, requireByHand, takeOverRisks } from '../owners/owners.ts'
import type { CronJobConfig } from '../../config/service-schema.ts'
import type { PhaseContext } from '../phase.ts'

interface CronJobsPlan {
  readonly planned: readonly PlannedCronJob[]
  readonly risks: readonly string[]
}

/** What chapter 4 will apply: its very requests, in their order, tried by the API server without storing anything. */
export async function planCronJobs(context: PhaseContext, commit: string, image: string): Promise<CronJobsPlan> {
  const { world, service, environment, signal } = context
  const wanted = service.cronJobs.map((job) => ({ job, path: job.manifest }))
  const files = await world.repository.readAll(commit, wanted, signal)
  const plans = await Promise.all(
    files.map(async ({ job, text }) => {
      const release = {
        file: job.manifest,
        name: job.name,
        namespace: environment.namespace,
        repository: service.image.repository,
        image,
      }
      const yaml = await world.cluster.readManifest(text, signal)
      return planCronJob(context, job, cronJobManifest(text, yaml, release))
    }),
  )
  return { planned: plans.map((one) => one.planned), risks: [...new Set(plans.flatMap((one) => one.risks))] }
}

/** Whoever approves a version thinks that its CronJobs run it too. */
function untiedRisk(name: string, { tied, images }: CronJobManifest, repository: string): readonly string[] {
  if (tied.length > 0) return []
  const named = [...new Set(images)].map((image) => oneLine(visible(image))).join(', ')
  return [`CronJob ${name} runs nothing of this release: no container of it is of ${repository} (${named}).`]
}

async function planCronJob(
  { world, service, run, signal }: PhaseContext,
  job: CronJobConfig,
  manifest: CronJobManifest,
): Promise<{ readonly planned: PlannedCronJob; readonly risks: readonly string[] }> {
  const { object, schedule, suspended: rests, others } = manifest
  const held = await world.cluster.tryApply(suspended(object, true), signal)
  if (job.tryOnce) await world.cluster.tryJob(held.object, jobName(run, 'cronjobs', job.name), signal)
  const applied = await world.cluster.tryApply(object, signal)
  const { outcome, differences, claims } = applied
  const owned = {
    object: `CronJob ${job.name}`,
    owners: merged([held.conflicts, applied.conflicts]),
    claims,
  }
  const takeOver = requireByHand(owned, `take ${job.name} out of service.cronJobs in purser.yaml`)
  return {
    planned: {
      name: job.name,
      manifest: job.manifest,
      schedule,
      suspended: rests,
      outcome,
      // What would be created is the manifest of the commit; the server's own fields differ with every try.
      differences: outcome === 'created' ? [] : differences,
      ...(takeOver.length === 0 ? {} : { takeOver }),
    },
    risks: [
      ...untiedRisk(job.name, manifest, service.image.repository),
      ...takeOverRisks(owned),
      ...comesBackRisks(owned),
      ...leftOverRisk(job.name, applied.leftOver),
      ...othersRisk(service.cronJobs, job, others),
    ],
  }
}

function leftOverRisk(name: string, fields: readonly string[]): readonly string[] {
  if (fields.length === 0) return []
  return [
    `CronJob ${name} keeps ${fields.join(', ')} from a manifest applied by hand. The new one lacks it, and Purser only removes its own fields.`,
  ]
}

/** Says what stands beside the CronJob in its file and is not applied. */
function othersRisk(
  cronJobs: readonly CronJobConfig[],
  { manifest }: CronJobConfig,
  others: readonly string[],
): readonly string[] {
  const applied = new Set(cronJobs.filter((one) => one.manifest === manifest).map(({ name }) => `CronJob ${name}`))
  const left = others.filter((one) => !applied.has(one))
  return left.length === 0 ? [] : [`${manifest} also has ${left.join(', ')}: not applied by this deploy.`]
}
