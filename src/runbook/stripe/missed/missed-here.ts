import type { PhaseContext } from '../../phase.ts'
import { divided, undeliveredWords } from '../undelivered.ts'
import { missedEvents } from './missed-events.ts'

type MissedEvents = Awaited<ReturnType<typeof missedEvents>>

interface MissedHere extends Pick<MissedEvents, 'events' | 'unstored' | 'complete' | 'line'> {
  /** How many somebody has not acknowledged, of which nobody can tell whether that is the service. */
  readonly unclear: number
}

/**
 * Finds what the service lacks. Where no table can be asked, that is what Stripe could not deliver, to whichever endpoint of the account:
 * what another one may owe is no miss of the service's, and only told. Changes nothing.
 */
export async function missedHere(context: PhaseContext, since: Date): Promise<MissedHere> {
  const missed = await missedEvents(context, since)
  if (missed.because !== 'not acknowledged' || missed.events.length === 0) return { ...missed, unclear: 0 }
  const endpoints = await context.world.stripe.endpoints(context.signal)
  const events = missed.events.map((event) => ({ ...event, created: new Date(event.created), pendingWebhooks: 1 }))
  const { ours, unclear, sharedWith } = divided({ url: context.environment.webhookUrl, endpoints, events })
  if (unclear.length === 0) return { ...missed, unclear: 0 }
  const sure = new Set(ours.map(({ id }) => id))
  const words = undeliveredWords({ ours, unclear, sharedWith, complete: missed.complete })
  return {
    ...missed,
    events: missed.events.filter(({ id }) => sure.has(id)),
    unclear: unclear.length,
    line: `${words} since ${missed.since.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
  }
}
