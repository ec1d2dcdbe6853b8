import type { ModalView } from '@slack/types'
import { PurserError } from '../errors.ts'
import { refusal } from '../messages/answers/answers.ts'
import { lockedRefusal } from '../messages/answers/lock.ts'
import { notAllowed } from '../messages/answers/not-allowed.ts'
import { notNow, refusedBecause } from '../messages/answers/refused.ts'
import type { Message } from '../messages/blocks/message.ts'
import { transitionRefusalText } from '../messages/refusals.ts'
import { TransitionRefused } from '../model/errors.ts'
import type { Applied } from '../store/runs.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { Locked, NotAllowed } from './guards.ts'

export type Answer =
  /** There is no answer, because the board or the thread tells. */
  | { readonly kind: 'silent' }
  /** The answer is seen only by the person who asked. */
  | { readonly kind: 'tell'; readonly message: Message }
  /** A dialog opens within the three seconds that Slack gives; `fill` puts in what takes longer to know. */
  | { readonly kind: 'open'; readonly view: ModalView; readonly fill?: () => Promise<ModalView> }

export const silent: Answer = { kind: 'silent' }

export function tell(message: Message): Answer {
  return { kind: 'tell', message }
}

export function refuse(text: string, next?: string): Answer {
  return tell(refusal(text, next))
}

/** Tells the board of a stored change, and gives the next phase its job. */
export async function publishAndEnqueue(context: CommandContext, applied: Applied): Promise<void> {
  await context.jobs.publish(applied.run.number)
  if (applied.enqueue !== undefined) await context.jobs.enqueue(applied.run, applied.enqueue)
}

/** Runs a command; every refusal becomes one clear ephemeral answer, everything else is told and logged. */
export async function answering(
  context: CommandContext,
  caller: Caller,
  what: string,
  act: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof PurserError && !error.transient) {
      const text = told(error)
      await noteRefusal(context, caller, `${what}: ${text}`)
      if (error instanceof NotAllowed) return tell(notAllowed(error.denial))
      if (error instanceof Locked) return tell(lockedRefusal(error.lock))
      return tell(refusedBecause(text, error.hint))
    }
    context.log.error({ err: error, what }, 'command failed')
    return tell(notNow())
  }
}

function told(error: PurserError): string {
  return error instanceof TransitionRefused ? transitionRefusalText(error.run, error.refusal) : error.message
}

/** Notes a refusal in the audit; the answer does not wait for a database that is away. */
async function noteRefusal(context: CommandContext, caller: Caller, text: string): Promise<void> {
  try {
    await context.runs.audit({ run: undefined, actor: caller.user, source: caller.channel, kind: 'refused', text })
  } catch (error) {
    context.log.error({ err: error, text }, 'a refusal could not be audited')
  }
}
