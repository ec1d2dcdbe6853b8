import type { EventSummary } from '../../../adapters/stripe/port.ts'
import type { EffectOf } from '../../../model/effects/effects.ts'
import { sameUrl } from '../../../model/same-url.ts'
import { subscribesTo } from '../../../model/subscription.ts'
import type { PhaseContext } from '../../phase.ts'

/** A change of the endpoint's list of types by a run. */
interface ListChange {
  readonly at: Date
  /** The types up to then; undefined: the endpoint was new, and the one whose place it took may have had some. */
  readonly had: readonly string[] | undefined
  /** The types from then on; undefined: nobody knows. */
  readonly has: readonly string[] | undefined
}

/**
 * How an event stands to the endpoint's list of types:
 *
 * - `early`: made before its type was subscribed, so it was for nobody
 * - `taken off`: somebody has taken its type off beside Purser, and nobody knows when: the service wants the event, and may never
 *   have been sent it
 * - `subscribed`: as far as the records tell
 */
type Subscribed = 'early' | 'taken off' | 'subscribed'

/**
 * Returns how to tell that of an event. The records of all runs say which types the endpoint had until they changed it, and the first
 * change after an event is the one that knows; the change before it tells what the endpoint was left.
 */
export async function subscriptions({
  records,
  environment,
}: Pick<PhaseContext, 'records' | 'environment'>): Promise<
  (event: Pick<EventSummary, 'type' | 'created'>) => Subscribed
> {
  const effects = await records.endpointEffects(new Date(0))
  const changes = effects
    .filter(({ target }) => sameUrl(target, environment.webhookUrl))
    .flatMap(listChanges)
    .sort((a, b) => a.at.getTime() - b.at.getTime())
  return ({ type, created }) => {
    // Stripe tells whole seconds: within the second of a change nobody can say which came first.
    const second = (at: Date) => Math.floor(at.getTime() / 1_000) * 1_000
    const next = changes.find(({ at, had }) => had !== undefined && created.getTime() < second(at))
    if (next?.had === undefined || subscribesTo(next.had, type)) return 'subscribed'
    const last = changes.findLast(({ at, has }) => has !== undefined && second(at) <= created.getTime())
    return last?.has === undefined || !subscribesTo(last.has, type) ? 'early' : 'taken off'
  }
}

function listChanges({ at, before, after, status, settledAt }: EffectOf<'stripe-endpoint'>): readonly ListChange[] {
  const had = before.id === null ? undefined : before.enabledEvents
  const has = after?.enabledEvents
  const made = { at, had, has }
  if (status !== 'undone' || settledAt === undefined || has === undefined) return [made]
  return [made, { at: settledAt, had: has, has: had }]
}
