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
