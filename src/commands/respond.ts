import type { ModalView } from '@slack/types'
import { PurserError } from '../errors.ts'
import { excerpt } from '../outside-text/excerpt.ts'
import { refusal } from '../messages/answers/answers.ts'
import { frozenRefusal } from '../messages/answers/freeze.ts'
import { lockedRefusal } from '../messages/answers/lock.ts'
import { listsCounted, onlyNotes, withNotes } from '../messages/answers/looks.ts'
import { notAllowed } from '../messages/answers/not-allowed.ts'
import { noSuchVersion, noSuchVersionText } from '../messages/answers/no-such-version.ts'
import { notNow, refusedBecause } from '../messages/answers/refused.ts'
import { context as contextBlock, type Message } from '../messages/blocks/message.ts'
import { inputs } from '../messages/dialogs/ask-dialogs.ts'
import { transitionRefusalText } from '../messages/refusals.ts'
import { TransitionRefused } from '../model/errors.ts'
import type { Run } from '../model/run.ts'
import { logAuditHead } from '../jobs/audit-head.ts'
import type { Applied } from '../store/runs.ts'
import type { Caller, CommandContext, StaleList } from './command-context.ts'
import { Frozen, Locked, NotAllowed } from './guards.ts'
import { isTooOften } from './person-rate.ts'
import { NoSuchVersion } from './version-guard.ts'

export type Answer =
  /** There is no answer, because a board or the thread that stands already tells. */
  | { readonly kind: 'silent' }
  /** The board of a new run tells. Only where Slack does not let it be posted, the person who asked is told why. */
  | { readonly kind: 'board'; readonly run: number; readonly beside?: Message }
  /** The answer is seen only by the person who asked; `under`: in a dialog that asked for it, below one of its fields. */
  | { readonly kind: 'tell'; readonly message: Message; readonly under?: UnderField }
  /** A dialog opens within the three seconds that Slack gives; `fill` puts in what takes longer to know. */
  | { readonly kind: 'open'; readonly view: ModalView; readonly fill?: () => Promise<ModalView> }

/** What is wrong with one field of a dialog, which stays open for it to be put right. */
interface UnderField {
  readonly field: string
  readonly text: string
}

export const silent: Answer = { kind: 'silent' }

export function onBoard({ number }: Pick<Run, 'number'>): Answer {
  return { kind: 'board', run: number }
}

export function tell(message: Message): Answer {
  return { kind: 'tell', message }
}

/** Answers a dialog below the field that is wrong, in plain text. */
export function wrongField(field: string, text: string): Answer {
  return { kind: 'tell', message: refusal(text), under: { field, text } }
}

export function refuse(text: string, next?: string): Answer {
  return tell(refusal(text, next))
}

/** Tells the board of a stored change, and gives the next phase its job. */
export async function publishAndEnqueue(context: CommandContext, applied: Applied): Promise<void> {
  logAuditHead(applied, context.log)
  await context.jobs.publish(applied.run.number)
  if (applied.enqueue !== undefined) await context.jobs.enqueue(applied.run, applied.enqueue)
}

/** Of what was asked, where a refusal is told: the reason has to fit behind it. */
const longestWhat = 200

/** What came from Slack, as the audit keeps it. */
export interface Received {
  readonly kind: 'command' | 'press' | 'dialog' | 'home'
  /** As it was typed or chosen; it is masked and cut. */
  readonly text: string
  /** The run whose board or thread was pressed. */
  readonly run?: number | undefined
  readonly facts?: object
}

/**
 * Runs a command; every refusal becomes one clear ephemeral answer, everything else is told and logged. That it was asked is in
 * the audit before anything is done: what cannot be recorded is not carried out. Members of groups that counted although they
 * are old are told beside the answer.
 */
export async function answering(
  context: CommandContext,
  caller: Caller,
  asked: Received,
  act: (context: CommandContext) => Promise<Answer>,
): Promise<Answer> {
  const staleLists: StaleList[] = []
  const answer = await refusing({ ...context, staleLists }, caller, asked, act)
  return masked(withNotesIn(answer, listsCounted(staleLists, context.now())), context)
}

/** The last wall before Slack, for what only one person reads as well. */
function masked(answer: Answer, { mask }: CommandContext): Answer {
  if (answer.kind === 'silent') return answer
  if (answer.kind === 'board') return answer.beside === undefined ? answer : { ...answer, beside: mask(answer.beside) }
  if (answer.kind === 'tell')
    return {
      ...answer,
      message: mask(answer.message),
      ...(answer.under === undefined ? {} : { under: mask(answer.under) }),
    }
  const { fill } = answer
  return { ...answer, view: mask(answer.view), ...(fill === undefined ? {} : { fill: async () => mask(await fill()) }) }
}

async function refusing(
  context: CommandContext,
  caller: Caller,
  asked: Received,
  act: (context: CommandContext) => Promise<Answer>,
): Promise<Answer> {
  const what = excerpt(asked.text, longestWhat)
  try {
    await context.runs.audit({ ...asked, run: asked.run, actor: caller.user, source: caller.channel })
    return await act(context)
  } catch (error) {
    if (error instanceof PurserError && !error.transient) {
      const text = told(error)
      // Who floods must not fill the audit twice over: that it was asked is there already.
      if (!isTooOften(error)) await noteRefusal(context, caller, `${what}: ${text}`, asked.run)
      if (error instanceof NotAllowed) return tell(notAllowed(error.denial))
      if (error instanceof Locked) return tell(lockedRefusal(error.lock))
      if (error instanceof Frozen) return tell(frozenRefusal(error))
      if (error instanceof NoSuchVersion) return noVersion(error)
      return tell(refusedBecause(text, error.hint))
    }
    context.log.error({ err: error, what }, 'command failed')
    return tell(notNow())
  }
}

function withNotesIn(answer: Answer, notes: readonly string[]): Answer {
  if (notes.length === 0) return answer
  if (answer.kind === 'silent') return tell(onlyNotes(notes))
  if (answer.kind === 'board') return { ...answer, beside: onlyNotes(notes) }
  if (answer.kind === 'tell') return { ...answer, message: withNotes(answer.message, notes) }
  const { fill } = answer
  const noted = (view: ModalView): ModalView => ({ ...view, blocks: [...view.blocks, contextBlock(...notes)] })
  return {
    ...answer,
    view: noted(answer.view),
    ...(fill === undefined ? {} : { fill: async () => noted(await fill()) }),
  }
}

/** A typed command gets the nearest tag as a button; a dialog has its own list of tags. */
function noVersion({ asked, nearest }: NoSuchVersion): Answer {
  const text = noSuchVersionText(asked.version, nearest)
  return { kind: 'tell', message: noSuchVersion(asked, nearest), under: { field: inputs.version, text } }
}

function told(error: PurserError): string {
  return error instanceof TransitionRefused ? transitionRefusalText(error.run, error.refusal) : error.message
}

/** Notes a refusal in the audit; the answer does not wait for a database that is away. */
async function noteRefusal(
  context: CommandContext,
  caller: Caller,
  text: string,
  run: number | undefined,
): Promise<void> {
  try {
    await context.runs.audit({ run, actor: caller.user, source: caller.channel, kind: 'refused', text })
  } catch (error) {
    context.log.error({ err: error, text }, 'a refusal could not be audited')
  }
}
