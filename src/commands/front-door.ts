import { z } from 'zod'
import { admit, claimOf } from './caller.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { type Answer, answering, type Received } from './respond.ts'

/*
 * The way of everything that people do in Slack to a command: taken up once, by somebody who may use Purser at all. Every
 * listener of `slack-app.ts` goes through here.
 */

/** A request of Slack as Bolt hands it over. */
interface Delivery {
  readonly body: unknown
  /** Of the HTTP request; undefined with Socket Mode, whose connection is Purser's own. */
  readonly signature: unknown
  /** What the audit names as the place where the payload names no channel. */
  readonly place?: string
}

/** What somebody is told; undefined when the same request was taken up before, which has been or is being answered. */
export async function received(
  delivery: Delivery,
  asked: Received,
  context: CommandContext,
  act: (caller: Caller, context: CommandContext) => Promise<Answer> | Answer,
): Promise<Answer | undefined> {
  const claim = claimOf(delivery.body)
  const source = { user: claim.user, channel: claim.channel === '' ? (delivery.place ?? '') : claim.channel }
  const seen = await seenBefore(delivery, context)
  if (seen === true) {
    context.log.info({ user: claim.user, what: asked.text }, 'a request came again that was taken up before')
    return undefined
  }
  return answering(context, source, asked, async (noting) => {
    if (seen instanceof Error) throw seen
    return act(await admit(claim, noting), noting)
  })
}

/** Tells whether the request was taken up before, or why that cannot be known now: then it is not taken up. */
async function seenBefore(delivery: Delivery, context: CommandContext): Promise<boolean | Error> {
  try {
    return !(await context.isFirst(keysOf(delivery)))
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
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
