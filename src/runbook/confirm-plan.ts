import type { PhaseContext } from './context.ts'
import { planOf } from './context.ts'
import { PlanOutdated } from './errors.ts'
import { driftOf } from './plan.ts'

/** Re-checks what people approved; raises PlanOutdated when the tag, the digest or the deployment has changed since. */
export async function confirmPlan(context: PhaseContext): Promise<void> {
  const drift = await driftOf(context, planOf(context.run))
  if (drift !== undefined) throw new PlanOutdated(drift)
}
