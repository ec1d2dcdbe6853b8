import type { PlannedCronJob } from '../../model/deploy-plan.ts'
import { cronJobManifest } from '../cronjobs/manifests.ts'
import type { PhaseContext } from '../phase.ts'

/** What chapter 4 will apply, tried by the API server without storing anything. */
export async function planCronJobs(
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
      // What would be created is the manifest of the commit; the server's own fields differ with every try.
      return { name, manifest, schedule, outcome, differences: outcome === 'created' ? [] : differences }
    }),
  )
}
