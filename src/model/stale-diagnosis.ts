import { isReadOnly } from './kinds.ts'
import type { Run } from './run.ts'

/** Why nobody may act on a diagnosis any more; `src/messages/answers/refused.ts` words it. */
export type StaleDiagnosis =
  | { readonly reason: 'acted_on'; readonly by: number }
  | { readonly reason: 'old'; readonly minutes: number }
  | { readonly reason: 'changed_since'; readonly by: number }

/** What was seen longer ago is no ground to act on. */
const freshMinutes = 30

/** Pure: why this diagnosis is stale; undefined while it is fresh. `others`: runs of its environment. */
export function whyStale(
  diagnosis: Pick<Run, 'number' | 'fixedBy' | 'finishedAt' | 'createdAt'>,
  others: readonly Pick<Run, 'number' | 'kind' | 'startedAt' | 'hasEffects'>[],
  now: Date,
): StaleDiagnosis | undefined {
  if (diagnosis.fixedBy !== undefined) return { reason: 'acted_on', by: diagnosis.fixedBy }
  const minutes = (now.getTime() - (diagnosis.finishedAt ?? diagnosis.createdAt).getTime()) / 60_000
  if (minutes > freshMinutes) return { reason: 'old', minutes: Math.round(minutes) }
  const since = others.find(
    (other) =>
      other.number > diagnosis.number && !isReadOnly(other) && other.startedAt !== undefined && other.hasEffects,
  )
  return since === undefined ? undefined : { reason: 'changed_since', by: since.number }
}
