import type { DeployPlan } from '../../model/deploy-plan.ts'
import { type Unproven, whyUnproven } from '../../model/environment-order.ts'
import { CheckFailed } from '../errors.ts'
import type { PhaseContext } from '../phase.ts'

/**
 * Raises CheckFailed (`not_proven_before`) when the policy lets only releases in that have succeeded in another environment,
 * and this one has not. Changes nothing.
 */
export async function requireProvenBefore(
  { environment, records, run }: PhaseContext,
  { commit, image }: Pick<DeployPlan, 'commit' | 'image'>,
): Promise<void> {
  const { after } = environment.policy
  if (after === undefined) return
  const { version } = run
  const reference = image.digest === undefined ? undefined : image.reference
  const unproven = whyUnproven({ version, commit: commit.sha, image: reference }, await records.succeededIn(after))
  if (unproven === undefined) return
  throw new CheckFailed('not_proven_before', `planning ${version}: ${words(unproven, after, version)}`, {
    hint: `${run.environment} only takes versions that succeeded in ${after} (policy.after): \`/billing deploy ${version} ${after}\``,
  })
}

function words(unproven: Unproven, after: string, version: string): string {
  switch (unproven.reason) {
    case 'never_deployed':
      return `no deploy of it has succeeded in ${after}`
    case 'image_to_be_built':
      return `its image is still to be built, so it cannot be the one that ${after} runs`
    case 'other_commit':
      return `run #${unproven.run} deployed ${version} to ${after} from commit ${unproven.commit.slice(0, 7)}, which the tag no longer names`
    case 'other_image':
      return `run #${unproven.run} deployed ${version} to ${after} with a different image (${unproven.image})`
    case 'rolled_back':
      return `run #${unproven.run} deployed it to ${after}, and run #${unproven.by} rolled it back`
  }
}
