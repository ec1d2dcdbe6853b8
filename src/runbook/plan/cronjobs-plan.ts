import type { PlannedCronJob } from '../../model/deploy-plan.ts'
import { visible } from '../../outside-text/visible.ts'
import { oneLine } from '../../text.ts'
import { cronJobManifest } from '../cronjobs/manifests.ts'
import type { PhaseContext } from '../phase.ts'

interface CronJobsPlan {
  readonly planned: readonly PlannedCronJob[]
  readonly risks: readonly string[]
}

/** What chapter 4 will apply, tried by the API server without storing anything. */
export async function planCronJobs(
  { world, service, environment, signal }: PhaseContext,
  commit: string,
  image: string,
): Promise<CronJobsPlan> {
  const wanted = service.cronJobs.map(({ name, manifest }) => ({ name, path: manifest }))
  const manifests = await world.repository.readAll(commit, wanted, signal)
  const made = await Promise.all(
    manifests.map(async ({ name, path: manifest, text }) => {
      const release = {
        file: manifest,
        name,
        namespace: environment.namespace,
        repository: service.image.repository,
        image,
      }
      const { object, schedule, tied, images } = cronJobManifest(text, release)
      const { outcome, differences } = await world.cluster.apply(object, { dryRun: true }, signal)
      // What would be created is the manifest of the commit; the server's own fields differ with every try.
      const planned = { name, manifest, schedule, outcome, differences: outcome === 'created' ? [] : differences }
      return { planned, risks: tied.length > 0 ? [] : [untiedRisk(name, images, release.repository)] }
    }),
  )
  return { planned: made.map(({ planned }) => planned), risks: made.flatMap(({ risks }) => risks) }
}

/** Whoever approves a version thinks that its CronJobs run it too. */
function untiedRisk(name: string, images: readonly string[], repository: string): string {
  const named = [...new Set(images)].map((image) => oneLine(visible(image))).join(', ')
  return `CronJob ${name} runs nothing of this release: no container of it is of ${repository} (${named}).`
}
