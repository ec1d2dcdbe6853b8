import { isReadOnly } from './kinds.ts'
import type { Run } from './run.ts'

/** Why nobody may act on a diagnosis any more; `src/messages/answers/refused.ts` words it. */
export type StaleDiagnosis =
  | { readonly reason: 'acted_on'; readonly by: number }
  | { readonly reason: 'old'; readonly minutes: number }
  | { readonly reason: 'changed_since'; readonly by: number }

/** The minutes for which a diagnosis may be acted on: what was seen longer ago is no ground for it. */
const freshMinutes = 30

/** Tells why this diagnosis is stale; undefined while it is fresh. `others` are the runs of its environment. Pure. */
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
