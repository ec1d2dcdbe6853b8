import { PurserError } from '../../errors.ts'
import { isDeployPlan } from '../../model/run.ts'
import type { PhaseContext } from '../phase.ts'
import { runningCommit } from '../plan/changes-plan.ts'
import { sameImage, tagOf } from '../../image-name.ts'
import { cronJobManifest } from './manifests.ts'

/** Whether a CronJob is meant to rest: what its manifest says, or that this cannot be told, and why not. */
export type WantedRest =
  | { readonly known: true; readonly suspended: boolean }
  | { readonly known: false; readonly why: string }

/**
 * Tells whether the manifest of the release that runs wants the CronJob suspended: by the plan of a deploy, else by the
 * repository at the commit that the running image was built from.
 */
export async function wantedRest(context: PhaseContext, name: string): Promise<WantedRest> {
  const { plan } = context.run
  const planned = isDeployPlan(plan) ? plan.cronJobs.find((job) => job.name === name)?.suspended : undefined
  if (planned !== undefined) return { known: true, suspended: planned }
  try {
    return await restInManifest(context, name)
  } catch (error) {
    context.signal.throwIfAborted()
    if (!(error instanceof PurserError)) throw error
    return { known: false, why: error.message }
  }
}

async function restInManifest(context: PhaseContext, name: string): Promise<WantedRest> {
  const { world, service, environment, signal } = context
  const job = service.cronJobs.find((one) => one.name === name)
  if (job === undefined) return { known: false, why: 'it is not in purser.yaml' }
  const commit = await commitThatRuns(context)
  if (commit === undefined) return { known: false, why: 'it is unknown from which commit the running image was built' }
  const [file] = await world.repository.readAll(commit, [{ path: job.manifest }], signal)
  const release = {
    file: job.manifest,
    name,
    namespace: environment.namespace,
    repository: service.image.repository,
    image: '',
  }
  const text = file?.text ?? ''
  const yaml = await world.cluster.readManifest(text, signal)
  return { known: true, suspended: cronJobManifest(text, yaml, release).suspended }
}

async function commitThatRuns(context: PhaseContext): Promise<string | undefined> {
  const { world, service, run, records, signal } = context
  if (isDeployPlan(run.plan)) return run.plan.commit.sha
  const deployment = await world.cluster.deployment(service.deployment, service.container, signal)
  if (deployment === undefined) return undefined
  const { image } = deployment
  const seen = (await records.knownReleases()).find((release) => sameImage(release.image, image))
  return (await runningCommit(context, { image, version: tagOf(image) ?? seen?.version }))?.commit
}
