import type { CreatedEndpoint, NewWebhookEndpoint, WebhookEndpoint } from '../../adapters/stripe/port.ts'
import { PurserError } from '../../errors.ts'
import { sameUrl } from '../../model/same-url.ts'
import { fingerprintOf } from '../../sensitive.ts'
import { CheckFailed } from '../errors.ts'
import type { PhaseContext } from '../phase.ts'
import { madeBy, madeUnder, replaces } from './webhook-endpoint.ts'

/*
 * The request that makes an endpoint, and what becomes of its idempotency key. Stripe keeps the answer to a key for a day:
 * that is how the secret is shown again to a worker that goes on, and also how an error or an endpoint that is gone comes
 * back. A key has two random halves. One is the run's: it stands in the record of the effect, in this state database only,
 * so that no other installation and no earlier database has the same key. The other one is the decision's: it stands in
 * the recorded step and on the endpoint, so that whoever takes the run up finds the key under which an endpoint was made,
 * and a new attempt that finds none asks under a new one. https://docs.stripe.com/api/idempotent_requests
 */

/** What is asked of Stripe. It is recorded, as Stripe refuses other parameters under the same key. */
export type CreationRequest = {
  /** The decision's half of the key; null for an endpoint that an earlier version of Purser began. */
  readonly part: string | null
  /** Whether an endpoint of this request is there, without its secret in the cluster. */
  readonly resumes: boolean
  readonly apiVersion: string
}

/** How often a new endpoint is asked for because the one that came back is gone. */
const mostRequests = 5

/** Returns the fingerprint by which a run knows its endpoints; undefined before it has begun to make one. */
export async function creationOf(
  { run, records, environment }: PhaseContext,
  endpoints: readonly WebhookEndpoint[],
): Promise<string | undefined> {
  const claimed = endpoints.some(
    ({ metadata }) => metadata[madeBy] === String(run.number) && metadata[madeUnder] !== undefined,
  )
  if (!claimed) return undefined
  for (const effect of await records.effectsOf(run.number))
    if (effect.kind === 'stripe-endpoint' && sameUrl(effect.target, environment.webhookUrl))
      if (effect.before.creation !== undefined) return fingerprintOf(effect.before.creation)
  return undefined
}

/** Returns the half of the key under which an endpoint was made. */
export function partOf({ metadata }: WebhookEndpoint): string | null {
  return metadata[madeUnder]?.split('.').slice(1).join('.') ?? null
}

type Wanted = Omit<NewWebhookEndpoint, 'idempotencyKey'>

/**
 * Makes the endpoint, or gets the answer of an earlier execution with its secret. What comes back but is there no more is
 * made anew. An endpoint of which an earlier attempt made Stripe answer an error has a secret that nobody was shown: it is
 * deleted, and another one is made. Raises StripeTrouble; `stripe_answer_kept` needs another attempt.
 */
export async function makeEndpoint(
  context: PhaseContext,
  wanted: Wanted,
  { request, creation }: { readonly request: CreationRequest; readonly creation: string | undefined },
  signal: AbortSignal,
): Promise<CreatedEndpoint> {
  const { stripe } = context.world
  for (let number = 1; number <= mostRequests; number += 1) {
    const part = request.part === null || number === 1 ? request.part : `${request.part}-${number}`
    const asked = requestOf(context, wanted, part, creation)
    const answer = await stripe.createEndpoint(asked, signal).catch((error: unknown) => {
      const lost = error instanceof PurserError && error.code === 'stripe_answer_kept'
      if (lost && request.resumes && number === 1) return undefined
      throw error
    })
    if (answer === undefined) await removeUnanswered(context, asked.metadata[madeUnder], signal)
    else if (!answer.replayed || (await stripe.endpoint(answer.endpoint.id, signal)) !== undefined) return answer
    if (part === null) break
  }
  throw new CheckFailed(
    'endpoint_missing',
    `creating the Stripe endpoint for ${wanted.url}: each one is gone at once`,
    {
      hint: 'Something deletes this endpoint. Find out what does, then press Retry phase.',
    },
  )
}

function requestOf(
  { service, run }: PhaseContext,
  wanted: Wanted,
  part: string | null,
  creation: string | undefined,
): NewWebhookEndpoint {
  if (part === null) {
    const former = wanted.metadata[replaces] ?? 'none'
    return {
      ...wanted,
      idempotencyKey: `purser-${service.name}-${run.environment}-run-${run.number}-after-${former}`,
    }
  }
  if (creation === undefined) return { ...wanted, idempotencyKey: `purser-${part}` }
  const metadata = { ...wanted.metadata, [madeUnder]: `${fingerprintOf(creation)}.${part}` }
  return { ...wanted, metadata, idempotencyKey: `purser-${creation}-${part}` }
}

/** Deletes what a request made that Stripe answered with an error. */
async function removeUnanswered(context: PhaseContext, mark: string | undefined, signal: AbortSignal): Promise<void> {
  const { stripe } = context.world
  const made = (await stripe.endpoints(signal)).filter(({ metadata }) => metadata[madeUnder] === mark)
  for (const { id } of mark === undefined ? [] : made) {
    await stripe.deleteEndpoint(id, signal)
    const text = `Stripe made ${id} but answered with an error, so its signing secret was never shown. It was deleted, and another one is made.`
    await context.tell({ kind: 'note', text }, `unanswered-${id}`)
  }
}
