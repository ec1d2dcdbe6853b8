import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { WebhookEndpoint } from '../../adapters/stripe/port.ts'
import type { EndpointBefore } from '../../model/effects/stripe-endpoint.ts'
import { sameUrl } from '../../model/same-url.ts'
import { subscribesTo } from '../../model/subscription.ts'
import { Sensitive } from '../../sensitive.ts'
import { type PhaseContext, planOf } from '../phase.ts'
import { CheckFailed, PlanOutdated } from '../errors.ts'
import { creationOf, type CreationRequest, makeEndpoint, partOf } from './creation.ts'
import { expandedEvents } from './event-types.ts'
import { rolledAsPlanned } from './rolled-secret.ts'
import { settleOldRotation, storeSecret, tidySecret } from './signing-secret.ts'
import {
  decideEndpoint,
  type EndpointDecision,
  isMadeBy,
  isUseless,
  madeBy,
  managedBy,
  ofEnvironment,
  ofService,
  replaces,
  secretFingerprint,
  unfinishedOf,
} from './webhook-endpoint.ts'

/*
 * Credentials before pods, traffic after pods. The decision about the endpoint is a recorded step, so that a repeat
 * after a crash goes on with it. The creation carries an idempotency key (creation.ts); Stripe keeps its answer, secret
 * included, for a day. The secret goes into the cluster before the endpoint is
 * marked with its fingerprint: an endpoint without that mark was never finished. It is finished, or refused as an
 * unknown outcome once the day is over, but never made twice.
 */

/** The step whose result tells what the run began with; its name is a key of the state database. */
const decisionStep = 'decide on the Stripe endpoint'

/**
 * Credentials before pods: makes sure that the Secret the new pods read exists and holds the signing secret of an
 * endpoint that exists. A new endpoint stays disabled until the new pods run (traffic after pods), unless it has to
 * bridge the time in which pods change from a secret that nobody knows any more.
 */
export async function provideCredentials(context: PhaseContext): Promise<void> {
  const decided = await context.step(decisionStep, () => decide(context))
  if (decided.action !== 'create' && decided.action !== 'replace') {
    const planned = planOf(context.run).stripe
    if (planned.endsOverlap === true) await settleOldRotation(context)
    if (planned.tidies !== undefined) await tidySecret(context, planned.takeOver ?? [])
    return
  }
  await context.report(decided.action === 'create' ? 'creating the Stripe endpoint' : 'replacing the Stripe endpoint')
  const { stripe } = planOf(context.run)
  const { former } = decided
  if (decided.action !== stripe.action)
    throw new PlanOutdated([{ now: `the Stripe endpoint needs: ${decided.action}`, planned: stripe.action }])
  // Nobody holds the secret of an endpoint of Purser's that is already disabled, so it can never be of use.
  if (former !== null && former.useless && stripe.removes?.includes(former.id) === true)
    await context.step(`delete endpoint ${former.id}`, () =>
      context.world.stripe.deleteEndpoint(former.id, context.signal),
    )
  await createEndpoint(context, decided)
}

const deletedFormer = z.object({
  former: z.object({
    id: z.string(),
    useless: z.literal(true),
    enabledEvents: z.array(z.string()),
    // Missing in decisions of earlier versions: then the whole time of Stripe's retries is looked through.
    created: z.coerce.date().default(new Date(0)),
  }),
})

/**
 * Returns the endpoint that this run deleted because nobody held its secret; undefined when there was none. Stripe knows it no
 * more, and what it owed when it was disabled is owed all the same.
 */
export async function deletedEndpoint({
  records,
}: PhaseContext): Promise<Pick<WebhookEndpoint, 'id' | 'enabledEvents' | 'created'> | undefined> {
  return deletedFormer.safeParse(await records.firstResultOf(decisionStep)).data?.former
}

/**
 * Decides about the endpoint. It is recorded, as a repeat after a crash must go on with it and not judge its half-done
 * work.
 */
async function decide(context: PhaseContext) {
  const { world, service, environment, run, signal } = context
  const { name, key } = service.stripe.secret
  const events = expandedEvents(context)
  const [endpoints, secret] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
  ])
  const { webhookUrl: url } = environment
  const { apiVersion } = service.stripe
  const rotate = run.rotateSecret === true
  const maker = { run: run.number, creation: await creationOf(context, endpoints) }
  const rolled = rolledAsPlanned(context, secret)
  const decision = decideEndpoint({ url, events, endpoints, secret, apiVersion, rotate, rolled, ...maker })
  const unfinished = unfinishedOf(maker, url, endpoints)
  requireKnownOutcome(context, unfinished)
  const change = changeOf(context, decision, events)
  return { action: decision.action, ...change, ...requestOf(context, change, unfinished) }
}

/** Describes the request for the endpoint: the same again where one of it is there, and else one under a new key. */
function requestOf(
  { world, service }: PhaseContext,
  { former, events }: ReturnType<typeof changeOf>,
  unfinished: WebhookEndpoint | undefined,
) {
  if (unfinished === undefined) {
    const request: CreationRequest = {
      part: randomUUID(),
      resumes: false,
      apiVersion: service.stripe.apiVersion ?? world.stripe.apiVersion,
    }
    return { request, events, replaced: former?.id ?? null }
  }
  const { apiVersion, enabledEvents, metadata } = unfinished
  const request: CreationRequest = {
    part: partOf(unfinished),
    resumes: true,
    apiVersion: apiVersion ?? world.stripe.apiVersion,
  }
  // An earlier attempt may have decided otherwise; Stripe takes the same parameters only.
  return { request, events: enabledEvents.toSorted(), replaced: metadata[replaces] ?? null }
}

/** Stripe keeps the answer to a creation, secret included, for a day; an hour is left for the clocks. */
const answerKeptMs = 23 * 3_600_000

/**
 * Raises when an endpoint that this run began to make is a day old. Until then it is finished by asking Stripe for the
 * same again; afterwards Stripe would make another one, and nobody can see whether someone has taken the first one's
 * secret from the dashboard meanwhile.
 */
function requireKnownOutcome({ service, run }: PhaseContext, unfinished: WebhookEndpoint | undefined): void {
  if (unfinished === undefined || Date.now() - unfinished.created.getTime() < answerKeptMs) return
  const { id, created, status } = unfinished
  throw new CheckFailed(
    'unknown_outcome',
    `creating the Stripe endpoint: unknown outcome. ${id} was made by this run, but its secret never arrived`,
    {
      evidence: [
        `endpoint ${id}, ${status}, created ${created.toISOString()} by run #${run.number}`,
        `Stripe shows a signing secret once and repeats it for 24 h. That time is over.`,
        `Whether anybody has put its secret into ${service.stripe.secret.name} by hand cannot be seen.`,
      ],
      hint: `Either delete ${id} in the Stripe dashboard (Developers > Webhooks) and press Retry phase: a new one is made. Or press Roll back: it is disabled.`,
    },
  )
}

/**
 * Returns the endpoint that a worker before this one has completed, its secret included; undefined when something is
 * still to be done. It looks each time: how long ago the creation began decides whether Stripe can still be asked for
 * the same.
 */
async function madeBefore(context: PhaseContext, replaced: string | null, signal: AbortSignal) {
  const { world, service, environment, run } = context
  const { name, key } = service.stripe.secret
  const [endpoints, secret] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
  ])
  const maker = { run: run.number, creation: await creationOf(context, endpoints) }
  requireKnownOutcome(context, unfinishedOf(maker, environment.webhookUrl, endpoints))
  return endpoints.find(
    (endpoint) =>
      sameUrl(endpoint.url, environment.webhookUrl) &&
      isMadeBy(maker, endpoint) &&
      (endpoint.metadata[replaces] ?? null) === replaced &&
      secret.fingerprints.includes(endpoint.metadata[secretFingerprint] ?? ''),
  )
}

/** Describes what is to be made, and what it does to the endpoint before it. */
function changeOf({ service }: PhaseContext, decision: EndpointDecision, events: readonly string[]) {
  const { action, endpoint, secret } = decision
  if (action !== 'create' && action !== 'replace')
    return { former: null, events: [], bridges: false, formerKnown: true }
  if (endpoint === undefined) return { former: null, events: [...events], bridges: false, formerKnown: true }
  const useless = isUseless(decision)
  const covers = endpoint.status === 'enabled'
  const overlaps = service.stripe.secret.acceptsList || service.stripe.secret.previousKey !== undefined
  const known = secret === 'present'
  // The old version gets only what it got before, until the new pods run.
  const shared = events.includes('*')
    ? [...endpoint.enabledEvents]
    : events.filter((event) => subscribesTo(endpoint.enabledEvents, event))
  return {
    former: {
      id: endpoint.id,
      useless,
      enabledEvents: [...endpoint.enabledEvents],
      created: endpoint.created.toISOString(),
    },
    events: covers && shared.length > 0 ? shared : [...events],
    // No pod accepts both secrets, so each event has to come by both endpoints while pods change.
    bridges: covers && !(known && overlaps),
    formerKnown: known || !covers,
  }
}

type Decided = Awaited<ReturnType<typeof decide>>
/** A decision that an earlier version recorded says nothing of the request. */
type Creation = Omit<Decided, 'request' | 'replaced'> & Partial<Pick<Decided, 'request' | 'replaced'>>

async function createEndpoint(context: PhaseContext, creation: Creation): Promise<void> {
  const { world, service, environment, run } = context
  const { former, bridges, formerKnown, events, replaced = former?.id ?? null } = creation
  const apiVersion = service.stripe.apiVersion ?? world.stripe.apiVersion
  const { request = { part: null, resumes: false, apiVersion } } = creation
  const { takeOver = [] } = planOf(run).stripe
  await context.change('create the Stripe endpoint', {
    kind: 'stripe-endpoint',
    target: environment.webhookUrl,
    before: async () => ({
      id: null,
      enabledEvents: [],
      status: 'disabled',
      creation: randomUUID(),
      ...(formerKnown || former === null ? {} : { insteadOf: former.enabledEvents }),
      ...(bridges && formerKnown ? { bridges } : {}),
    }),
    act: async (before, signal) => {
      const made = await madeBefore(context, replaced, signal)
      if (made !== undefined) return seenAs(made)
      // Stripe shows the secret once: where it cannot be stored, nothing is made.
      const tried = { keys: { [service.stripe.secret.key]: new Sensitive('dry run') }, takeOver, dryRun: true }
      await world.cluster.writeSecret(service.stripe.secret.name, tried, signal)
      const wanted = {
        url: environment.webhookUrl,
        enabledEvents: events,
        metadata: {
          [managedBy]: 'purser',
          [madeBy]: String(run.number),
          [ofService]: service.name,
          [ofEnvironment]: run.environment,
          ...(replaced === null ? {} : { [replaces]: replaced }),
        },
        description: `${service.name} billing (${run.environment}), managed by Purser`,
        apiVersion: request.apiVersion,
      }
      const asked = { request, creation: before.creation }
      const { endpoint, signingSecret } = await makeEndpoint(context, wanted, asked, signal)
      if (!bridges) await world.stripe.updateEndpoint(endpoint.id, { disabled: true }, signal)
      await storeSecret(context, signingSecret, { formerKnown, takeOver })
      // The mark is written last, because it says that endpoint and Secret belong together.
      const fingerprint = { [secretFingerprint]: signingSecret.fingerprint }
      await world.stripe.updateEndpoint(endpoint.id, { metadata: fingerprint }, signal)
      return { id: endpoint.id, status: bridges ? 'enabled' : 'disabled', enabledEvents: [...events] }
    },
  })
}

function seenAs({ id, status, enabledEvents }: WebhookEndpoint) {
  return { id, status, enabledEvents: [...enabledEvents] }
}

export function endpointBefore(endpoint: WebhookEndpoint): EndpointBefore {
  return { id: endpoint.id, enabledEvents: endpoint.enabledEvents, status: endpoint.status }
}
