import type { CronJobConfig } from '../../config/service-schema.ts'
import type { PhaseName } from '../../model/kinds.ts'
import type { Run } from '../../model/run.ts'
import { type Phase, type PhaseContext, planOf } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { releasedImage } from '../rollout/image.ts'
import { type CronJobManifest, cronJobManifest, suspended } from './manifests.ts'

/**
 * Chapter 4, Deploy Cron Jobs: each is applied suspended, tried once by hand where configured, resumed and verified.
 */
export const cronjobs: Phase = async (context) => {
  const lines: string[] = []
  for (const { job, manifest } of await manifestsOf(context)) lines.push(await deployCronJob(context, job, manifest))
  return { line: lines.length === 0 ? 'no CronJobs configured' : lines.join('; ') }
}

async function deployCronJob(context: PhaseContext, job: CronJobConfig, manifest: CronJobManifest): Promise<string> {
  const { world, run } = context
  await context.report(`applying ${job.manifest}`)
  await context.change(`apply ${job.name}`, {
    kind: 'cronjob',
    target: job.name,
    before: async (signal) => ({ manifest: (await world.cluster.cronJob(job.name, signal))?.manifest ?? null }),
    act: async (_before, signal) => {
      const { outcome } = await world.cluster.apply(suspended(manifest.object, true), { dryRun: false }, signal)
      return { outcome }
    },
  })
  if (job.tryOnce) await tryOnce(context, job, jobName(run, 'cronjobs', job.name))
  await context.step(`resume ${job.name}`, async (signal) => {
    await world.cluster.apply(manifest.object, { dryRun: false }, signal)
  })
  await context.step(`verify ${job.name}`, (signal) => verifyCronJob(context, job, manifest, signal))
  return `${job.name} (${manifest.schedule})`
}

/**
 * Returns the name of a Job made by hand. It is the same after a crash, and another one after a retry or a new plan.
 */
export function jobName({ number, phases }: Run, phase: PhaseName, cronJob: string): string {
  const attempt = phases.find(({ name }) => name === phase)?.attempt ?? 1
  return `${cronJob}-run-${number}${attempt === 1 ? '' : `-${attempt}`}`
}

async function manifestsOf(
  context: PhaseContext,
): Promise<readonly { readonly job: CronJobConfig; readonly manifest: CronJobManifest }[]> {
  const { world, service, environment, run, signal } = context
  const wanted = service.cronJobs.map((job) => ({ job, path: job.manifest }))
  if (wanted.length === 0) return []
  const image = (await releasedImage(context)).reference
  const files = await world.repository.readAll(planOf(run).commit.sha, wanted, signal)
  return files.map(({ job, text }) => {
    const release = {
      file: job.manifest,
      name: job.name,
      namespace: environment.namespace,
      repository: service.image.repository,
      image,
    }
    return { job, manifest: cronJobManifest(text, release) }
  })
}

async function tryOnce(context: PhaseContext, job: CronJobConfig, name: string): Promise<void> {
  await context.report(`running ${job.name} once by hand`)
  await context.step(`try ${job.name} once`, async (signal) => {
    const outcome = await context.world.cluster.runCronJobNow(job.name, name, signal)
    if (!outcome.succeeded)
      throw new CheckFailed('cronjob_failed', `running ${job.name} by hand: ${outcome.reason ?? 'the Job failed'}`, {
        evidence: outcome.logs.slice(-40),
        hint: 'It stays suspended. Fix it and retry the phase, or roll back.',
      })
    await context.tell({ kind: 'output', title: `Job ${outcome.name}`, lines: outcome.logs.slice(-20) }, `job-${name}`)
  })
}

async function verifyCronJob(
  { world }: PhaseContext,
  job: CronJobConfig,
  manifest: CronJobManifest,
  signal: AbortSignal,
) {
  const state = await world.cluster.cronJob(job.name, signal)
  const wanted = (manifest.object['spec'] as { suspend: boolean }).suspend
  if (state === undefined || state.schedule !== manifest.schedule || state.suspended !== wanted)
    throw new CheckFailed(
      'cronjob_differs',
      `verifying CronJob ${job.name}: the cluster does not hold what was applied`,
      {
        evidence: [
          state === undefined ? 'it does not exist' : `schedule ${state.schedule}, suspended ${state.suspended}`,
        ],
        hint: 'Another controller may own it (GitOps?): see its managed fields.',
      },
    )
}
