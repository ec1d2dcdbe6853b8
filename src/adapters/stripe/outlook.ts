import type Stripe from 'stripe'
import { StripeTrouble } from './errors.ts'
import type { EventDestination, Refusal } from './port.ts'

/*
 * What can be asked of an account before anything is made in it.
 */

/**
 * Reads the account's default release from the answer to a request that names none: Stripe says in which it has answered
 * (https://docs.stripe.com/api/versioning). Where something on the way takes that header away, the newest event tells.
 */
export async function defaultVersionOf(sdk: Stripe): Promise<string | undefined> {
  const { data, lastResponse } = await sdk.events.list({ limit: 1 })
  // The fetch client hands on a Headers object, whatever its type says.
  return new Headers(lastResponse.headers).get('stripe-version') ?? data[0]?.api_version ?? undefined
}

/**
 * Lists all destinations: webhook endpoints, thin ones and event buses
 * (https://docs.stripe.com/api/v2/core/event-destinations). Their limit is one for all of them
 * (https://docs.stripe.com/webhooks#register-webhook).
 */
export async function destinationsOf(sdk: Stripe): Promise<readonly EventDestination[]> {
  const found: EventDestination[] = []
  for await (const destination of sdk.v2.core.eventDestinations.list({ limit: 100 }))
    found.push({
      id: destination.id,
      name: destination.name,
      sort: sortOf(destination),
      status: destination.status === 'disabled' ? 'disabled' : 'enabled',
    })
  return found
}

function sortOf({ type, event_payload: payload }: Stripe.V2.Core.EventDestination): string {
  if (type === 'amazon_eventbridge') return 'EventBridge'
  if (type === 'azure_event_grid') return 'Event Grid'
  return payload === 'thin' ? 'thin events' : 'webhook endpoint'
}

/** Takes "Invalid Stripe API version" for an answer. */
export function absentVersion(error: unknown): Refusal {
  const told = error instanceof StripeTrouble && /\bAPI version\b.*\bInvalid .*version\b/i.test(error.message)
  if (told) return { refused: error.message }
  throw error
}
