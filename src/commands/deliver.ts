import type { App } from '@slack/bolt'
import type { ModalView } from '@slack/types'
import { refusal } from '../messages/answers/answers.ts'
import { boardNotShown, dialogNotOpened } from '../messages/answers/not-shown.ts'
import type { Message } from '../messages/blocks/message.ts'
import { hasEnded } from '../model/run.ts'
import type { CommandContext } from './command-context.ts'
import type { Answer } from './respond.ts'

type Opens = Extract<Answer, { kind: 'open' }>
type WebClient = App['client']

/** How somebody can be answered. `tell` reaches them where the bot is no member too. */
interface Ways {
  readonly tell: (message: Message) => Promise<unknown>
  readonly client: WebClient
  readonly triggerId: string
}

/** As long as this it is looked whether a new board stands: the first one takes a second, and Slack may ask to wait. */
export const boardLimitMs = 15_000

/** Gives an answer to whoever asked. What Slack refuses is told by the way that is left, and never raised. */
export async function delivered(answer: Answer | undefined, ways: Ways, context: CommandContext): Promise<void> {
  switch (answer?.kind) {
    case undefined:
    case 'silent':
      return
    case 'tell':
      return told(answer.message, ways, context)
    case 'open':
      return open(answer, ways, context)
    case 'board': {
      const refused = await whyNoBoard(answer.run, boardLimitMs, context)
      for (const message of [answer.beside, refused]) if (message !== undefined) await told(message, ways, context)
    }
  }
}

/** What to tell whoever asked for a run whose board Slack lets nobody see; undefined when it stands, or nothing is known by then. */
export async function whyNoBoard(run: number, withinMs: number, context: CommandContext): Promise<Message | undefined> {
  try {
    const refused = await context.boardRefused(run, withinMs)
    if (refused === undefined) return undefined
    return boardNotShown(run, refused, hasEnded(await context.runs.get(run)))
  } catch (error) {
    context.log.warn({ err: error, run }, 'looking whether a board stands')
    return undefined
  }
}

/** Opens a dialog within the three seconds that Slack gives; what takes longer to know is put in afterwards. */
async function open(answer: Opens, ways: Ways, context: CommandContext): Promise<void> {
  const { client, triggerId } = ways
  const opened = await client.views.open({ trigger_id: triggerId, view: answer.view }).catch((error: unknown) => {
    context.log.warn({ err: error }, 'opening a dialog')
    return undefined
  })
  if (opened === undefined) return told(dialogNotOpened(), ways, context)
  const viewId = opened.view?.id
  if (answer.fill === undefined || viewId === undefined) return
  const view = await answer.fill().catch((error: unknown) => {
    context.log.error({ err: error }, 'filling a dialog')
    return inDialog(answer.view.title.text, refusal("Purser couldn't read that now.", 'Try again in a minute.'))
  })
  await client.views
    .update({ view_id: viewId, view })
    .catch((error: unknown) => context.log.debug({ err: error }, 'the dialog was closed meanwhile'))
}

async function told(message: Message, ways: Ways, { log }: CommandContext): Promise<void> {
  await Promise.resolve(ways.tell(message)).catch((error: unknown) => log.warn({ err: error }, 'answering in Slack'))
}

/** A dialog can only be answered in the dialog. */
export function inDialog(title: string, message: Message): ModalView {
  return {
    type: 'modal',
    title: { type: 'plain_text', text: title },
    close: { type: 'plain_text', text: 'Close' },
    blocks: [...(message.blocks ?? [])],
  }
}
