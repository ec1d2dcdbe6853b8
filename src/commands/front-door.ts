import { z } from 'zod'
import { type Asked, carryOut, isOfHome, recordOf } from './asked.ts'
import { admit, type Claim, claimOf } from './caller.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { type Answer, answering, type Received } from './respond.ts'

/*
 * The way of everything that people do in Slack to a command: taken up once, by somebody who may use Purser at all. Every
 * listener of `slack-app.ts` goes through here. What is acknowledged before it is done is kept in the state database first:
 * another process carries it out when this one ends in between (interrupted.ts).
 */

/** A request of Slack as Bolt hands it over. */
interface Delivery {
  readonly body: unknown
  /** Of the HTTP request; undefined with Socket Mode, whose connection is Purser's own. */
  readonly signature: unknown
}

interface Listener {
  /** Tells Slack that the request came, for which it waits three seconds. */
  readonly ack: () => Promise<unknown>
  readonly deliver: (answer: Answer) => Promise<unknown>
  /** Hears who was let in, before anything is done. */
  readonly admitted?: ((user: string) => void) | undefined
}

/**
 * Keeps what was asked, acknowledges it, carries it out and delivers the answer. A request that came before is
 * acknowledged, and no more: it has been or is being answered.
 */
export async function takeUp(
  delivery: Delivery,
  asked: Asked,
  { ack, deliver, admitted }: Listener,
  context: CommandContext,
): Promise<void> {
  const claim = claimOf(delivery.body)
  const kept = await settled(() => context.requests.keep(keysOf(delivery), { claim, asked }))
  // Slack sends a request again whose acknowledgement did not arrive. This one is kept, so it is done all the same.
  await ack().catch((error: unknown) => context.log.warn({ err: error }, 'acknowledging a request of Slack'))
  if (!kept.ok) return void (await deliver(await answerTo({ claim, asked }, context, { failure: kept.error })))
  const { value: request } = kept
  if (request === undefined) return noteAgain(claim, recordOf(asked), context)
  try {
    await deliver(await answerTo({ claim, asked }, { ...context, request }, { admitted }))
  } finally {
    await context.requests.done(request)
  }
}

/** What is kept of a request until it is done. */
export interface Kept {
  readonly claim: Claim
  readonly asked: Asked
}

/** Carries out what was asked, or tells that `failure` keeps it from being taken up. */
export function answerTo(
  { claim, asked }: Kept,
  context: CommandContext,
  { failure, admitted }: { readonly failure?: Error; readonly admitted?: Listener['admitted'] } = {},
): Promise<Answer> {
  const source = { user: claim.user, channel: isOfHome(asked) ? 'home' : claim.channel }
  return answering(context, source, recordOf(asked), async (noting) => {
    if (failure !== undefined) throw failure
    const caller = await admit(claim, noting)
    admitted?.(caller.user)
    return carryOut(asked, caller, noting)
  })
}

/**
 * For what is acknowledged with its answer, or needs no acknowledgement: what somebody is told, undefined when the same
 * request was taken up before. `place` is what the audit names where the payload names no channel.
 */
export async function received(
  delivery: Delivery & { readonly place?: string },
  asked: Received,
  context: CommandContext,
  act: (caller: Caller, context: CommandContext) => Promise<Answer> | Answer,
): Promise<Answer | undefined> {
  const claim = claimOf(delivery.body)
  const first = await settled(() => context.requests.isFirst(keysOf(delivery)))
  if (first.ok && !first.value) return noteAgain(claim, asked, context)
  const source = { user: claim.user, channel: claim.channel === '' ? (delivery.place ?? '') : claim.channel }
  return answering(context, source, asked, async (noting) => {
    if (!first.ok) throw first.error
    return act(await admit(claim, noting), noting)
  })
}

function noteAgain({ user }: Claim, { text: what }: Received, { log }: CommandContext): undefined {
  log.info({ user, what }, 'a request came again that was taken up before')
}

type Settled<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Error }

async function settled<T>(ask: () => Promise<T>): Promise<Settled<T>> {
  try {
    return { ok: true, value: await ask() }
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)) }
  }
}

/** Slack gives commands, presses and dialogs a trigger, and events an id. */
const Keys = z.object({
  signature: z.string().optional(),
  trigger_id: z.string().optional(),
  event_id: z.string().optional(),
})

/** What is the same when a request comes again. */
function keysOf({ body, signature }: Delivery): readonly string[] {
  const keys = Keys.parse(typeof body === 'object' ? { ...body, signature } : { signature })
  return Object.entries(keys).flatMap(([kind, key]) => (key === undefined ? [] : [`${kind} ${key}`]))
}
