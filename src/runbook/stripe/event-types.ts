import { expandEventPatterns } from '../../adapters/stripe/events.ts'
import type { PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'

/** Expands the configured patterns to event types; a pattern that matches none is a mistake in the configuration. */
export function expandedEvents({ service }: Pick<PhaseContext, 'service'>): readonly string[] {
  const { events, unmatched } = expandEventPatterns(service.stripe.events)
  if (unmatched.length > 0)
    throw new CheckFailed('unknown_event_pattern', `expanding event patterns: ${unmatched.join(', ')} match nothing`, {
      hint: 'Correct service.stripe.events in purser.yaml. The names are those of the pinned Stripe API version.',
    })
  return events
}

/** Expands the types that the service acknowledges and stores nothing of; a pattern that matches none is a mistake too. */
export function ignoredEvents({ service }: Pick<PhaseContext, 'service'>): readonly string[] {
  const { events, unmatched } = expandEventPatterns(service.stripe.ignored)
  if (unmatched.length > 0)
    throw new CheckFailed('unknown_event_pattern', `expanding ignored events: ${unmatched.join(', ')} match nothing`, {
      hint: 'Correct service.stripe.ignored in purser.yaml. The names are those of the pinned Stripe API version.',
    })
  return events
}

/** The number of event types that Stripe takes in one question: https://docs.stripe.com/api/events/list. */
const typesAtOnce = 20

/** Divides the configured types into questions that Stripe takes. */
export function typeGroups(context: Pick<PhaseContext, 'service'>): readonly (readonly string[])[] {
  return groupsOf(expandedEvents(context))
}

/** Divides types into questions that Stripe takes. A subscription to everything is one question. */
export function groupsOf(types: readonly string[]): readonly (readonly string[])[] {
  if (types.includes('*')) return [['*']]
  return Array.from({ length: Math.ceil(types.length / typesAtOnce) }, (_, index) =>
    types.slice(index * typesAtOnce, (index + 1) * typesAtOnce),
  )
}
