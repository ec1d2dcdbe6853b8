import type { ModalView } from '@slack/types'
import { PurserError } from '../errors.ts'
import { refusal } from '../messages/answers/answers.ts'
import { lockedRefusal } from '../messages/answers/lock.ts'
import { listsCounted, onlyNotes, withNotes } from '../messages/answers/looks.ts'
import { notAllowed } from '../messages/answers/not-allowed.ts'
import { notNow, refusedBecause } from '../messages/answers/refused.ts'
import { context as contextBlock, type Message } from '../messages/blocks/message.ts'
import { transitionRefusalText } from '../messages/refusals.ts'
import { TransitionRefused } from '../model/errors.ts'
import type { Applied } from '../store/runs.ts'
import type { Caller, CommandContext, StaleList } from './command-context.ts'
import { Locked, NotAllowed } from './guards.ts'
import { TooManyLooks } from './look-rate.ts'

export type Answer =
  /** The board or the thread tells. */
  | { readonly kind: 'silent' }
  /** Only the person who asked sees it. */
  | { readonly kind: 'tell'; readonly message: Message }
  /** Slack gives three seconds to open a dialog: what takes longer to know is filled in by `fill`. */
  | { readonly kind: 'open'; readonly view: ModalView; readonly fill?: () => Promise<ModalView> }

export const silent: Answer = { kind: 'silent' }

export function tell(message: Message): Answer {
  return { kind: 'tell', message }
}

export function refuse(text: string, next?: string): Answer {
  return tell(refusal(text, next))
}

/** After a stored change: the board is told, the next phase gets its job. */
export async function publishAndEnqueue(context: CommandContext, applied: Applied): Promise<void> {
  await context.jobs.publish(applied.run.number)
  if (applied.enqueue !== undefined) await context.jobs.enqueue(applied.run, applied.enqueue)
}

/**
 * Runs a command; every refusal becomes one clear ephemeral answer, everything else is told and logged. Members of groups that
 * counted although they are old are told beside it.
 */
export async function answering(
  context: CommandContext,
  caller: Caller,
  what: string,
  act: (context: CommandContext) => Promise<Answer>,
): Promise<Answer> {
  const staleLists: StaleList[] = []
  const answer = await refusing({ ...context, staleLists }, caller, what, act)
  return withNotesIn(answer, listsCounted(staleLists, context.now()))
}

async function refusing(
  context: CommandContext,
  caller: Caller,
  what: string,
  act: (context: CommandContext) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await act(context)
  } catch (error) {
    if (error instanceof PurserError && !error.transient) {
      const text = told(error)
      // Who floods must not fill the audit.
      if (!(error instanceof TooManyLooks)) await noteRefusal(context, caller, `${what}: ${text}`)
      if (error instanceof NotAllowed) return tell(notAllowed(error.denial))
      if (error instanceof Locked) return tell(lockedRefusal(error.lock))
      return tell(refusedBecause(text, error.hint))
    }
    context.log.error({ err: error, what }, 'command failed')
    return tell(notNow())
  }
}

function withNotesIn(answer: Answer, notes: readonly string[]): Answer {
  if (notes.length === 0) return answer
  if (answer.kind === 'silent') return tell(onlyNotes(notes))
  if (answer.kind === 'tell') return tell(withNotes(answer.message, notes))
  const { fill } = answer
  const noted = (view: ModalView): ModalView => ({ ...view, blocks: [...view.blocks, contextBlock(...notes)] })
  return {
    ...answer,
    view: noted(answer.view),
    ...(fill === undefined ? {} : { fill: async () => noted(await fill()) }),
  }
}

function told(error: PurserError): string {
  return error instanceof TransitionRefused ? transitionRefusalText(error.run, error.refusal) : error.message
}

/** The answer does not wait for a database that is away. */
async function noteRefusal(context: CommandContext, caller: Caller, text: string): Promise<void> {
  try {
    await context.runs.audit({ run: undefined, actor: caller.user, source: caller.channel, kind: 'refused', text })
  } catch (error) {
    context.log.error({ err: error, text }, 'a refusal could not be audited')
  }
}
