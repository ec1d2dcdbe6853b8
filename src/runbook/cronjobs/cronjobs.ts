import type { RunningJob } from '../../adapters/kubernetes/cron-jobs/port.ts'
import type { CronJobConfig } from '../../config/service-schema.ts'
import type { PhaseName } from '../../model/kinds.ts'
import type { Run } from '../../model/run.ts'
import { type Phase, type PhaseContext, planOf } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { releasedImage } from '../rollout/image.ts'
import { tellRunning, waitForRunning } from './still-running.ts'
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
  // What people had set by hand when the plan was made: they have agreed to its being taken over.
  const takeOver = planOf(run).cronJobs.find(({ name }) => name === job.name)?.takeOver ?? []
  await context.report(`applying ${job.manifest}`)
  await context.change(`apply ${job.name}`, {
    kind: 'cronjob',
    target: job.name,
    before: async (signal) => ({ manifest: (await world.cluster.cronJob(job.name, signal))?.manifest ?? null }),
    act: async (_before, signal) => {
      const { outcome } = await world.cluster.apply(suspended(manifest.object, true), { takeOver }, signal)
      return { outcome }
    },
  })
  const own = jobName(run, 'cronjobs', job.name)
  await context.step(`look what runs of ${job.name}`, (signal) => lookWhatRuns(context, job, manifest, own, signal))
  if (job.tryOnce) await tryOnce(context, job, own)
  // Where the manifest wants its schedule to rest, this leaves it suspended.
  await context.step(`resume ${job.name}`, async (signal) => {
    await world.cluster.apply(manifest.object, { takeOver }, signal)
  })
  await context.step(`verify ${job.name}`, (signal) => verifyCronJob(context, job, manifest, signal))
  return `${job.name} (${manifest.schedule}${manifest.suspended ? ', suspended by its manifest' : ''})`
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
  const reading = files.map(async ({ job, text }) => {
    const release = {
      file: job.manifest,
      name: job.name,
      namespace: environment.namespace,
      repository: service.image.repository,
      image,
    }
    return { job, manifest: cronJobManifest(text, await world.cluster.readManifest(text, signal), release) }
  })
  return Promise.all(reading)
}

/**
 * Waits for Jobs of the CronJob that must not run beside the one that is to be tried. Where none is tried only those count
 * that its controller does not know of, as it heeds its own; of the others it is said that they go on as they were started.
 */
async function lookWhatRuns(
  context: PhaseContext,
  { name, tryOnce }: CronJobConfig,
  { concurrencyPolicy: policy }: CronJobManifest,
  own: string,
  signal: AbortSignal,
): Promise<void> {
  const concerns = (job: RunningJob) => job.name !== own && (tryOnce || job.byHand)
  const doing = tryOnce ? `running ${name} by hand` : `resuming ${name}`
  await waitForRunning(context, { name, policy, doing, concerns }, signal)
  const left = (await context.world.cluster.stillRunning(name, signal)).filter((job) => job.name !== own)
  if (policy !== 'Allow') await tellRunning(context, name, 'it continues with the version it started with', left)
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
    const lines = outcome.logs.slice(-20)
    await context.tell({ kind: 'output', title: `Job ${outcome.name}`, lines, quiet: true }, `job-${name}`)
  })
}

async function verifyCronJob(
  { world }: PhaseContext,
  job: CronJobConfig,
  manifest: CronJobManifest,
  signal: AbortSignal,
) {
  const { outcome, differences, conflicts } = await world.cluster.tryApply(manifest.object, signal)
  if (outcome === 'unchanged') return
  const [first] = conflicts
  const who = conflicts.map(({ manager }) => manager).join(', ')
  const what = outcome === 'created' ? 'it was deleted' : `${who === '' ? 'an unknown client' : who} changed it`
  throw new CheckFailed('cronjob_differs', `verifying CronJob ${job.name}: ${what} as soon as it was applied`, {
    evidence: [
      ...conflicts.map(({ manager, fields, habit }) => `${manager} ${habit}: ${fields.join(', ')}`),
      ...(outcome === 'created' ? [] : differences.map((line) => `to be as applied: ${line}`)),
    ],
    hint:
      first === undefined
        ? 'Find out who changes it (kubectl get cronjob --show-managed-fields -o yaml), then retry the phase.'
        : `Let ${who} leave it alone: ${first.advice}. Then deploy again.`,
  })
}
