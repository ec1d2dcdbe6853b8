import { type OutgoingMessage, refusalOf } from '../adapters/slack/port.ts'
import { ladder, rungs } from '../messages/blocks/ladder.ts'
import type { Message } from '../messages/blocks/message.ts'

/** A form of a message that Slack refused for what it is. */
export interface Refused {
  readonly error: unknown
  /** The rung that was refused. */
  readonly rung: number
  /** The rung that is offered next. */
  readonly next: number
}

/**
 * Offers a message to Slack from a rung of its ladder downwards until it takes a form. `refused` is told of each form that it
 * does not take, before the next one is offered, so that whoever goes on after a crash or a rate limit begins there. Raises what
 * `send` raises when the refusal is not about the form, or when even the last form is refused.
 */
export async function offer<T>(
  message: Message,
  from: number,
  send: (form: OutgoingMessage) => Promise<T>,
  refused: (one: Refused) => Promise<void>,
): Promise<{ readonly sent: T; readonly rung: number }> {
  const steps = ladder(message).map((step) => ({ ...step, place: rungs.indexOf(step.rung) }))
  const below = steps.filter(({ place }) => place >= from)
  const offered = below.length === 0 ? steps.slice(-1) : below
  for (const [at, { message: form, place }] of offered.entries()) {
    try {
      return { sent: await send(form), rung: place }
    } catch (error) {
      const next = offered[at + 1]
      if (next === undefined || refusalOf(error) !== 'message') throw error
      await refused({ error, rung: place, next: next.place })
    }
  }
  throw new Error('a message has no form')
}
