import type { App } from '@slack/bolt'
import type { HomeView } from '@slack/types'
import type { Message } from '../messages/blocks/message.ts'
import { homeOfNobody } from '../messages/home/home.ts'
import type { Asked } from './asked.ts'
import type { CommandContext } from './command-context.ts'
import { delivered, inDialog, whyNoBoard } from './deliver.ts'
import { received, takeUp } from './front-door.ts'
import { answerPresses, dialogs, presses } from './interactions.ts'
import { homePresses } from './home.ts'
import { type Answer, silent } from './respond.ts'
import { submitted, submittedText } from './dialogs/submitted.ts'

/** A dialog is answered within Slack's three seconds; most boards stand by then. */
const dialogBoardLimitMs = 1_500

type WebClient = App['client']

interface Home {
  readonly opened: (user: string) => Promise<void>
}

/** Connects what people do in Slack to the commands. Everything but a dialog is kept and acknowledged first, then worked out. */
export function connect(app: App, slashCommand: string, context: CommandContext, home: Home): void {
  connectCommand(app, slashCommand, context)
  connectPresses(app, context)
  connectAnswerPresses(app, context)
  connectHome(app, context, home)
  connectDialogs(app, context)
}

function connectCommand(app: App, slashCommand: string, context: CommandContext): void {
  app.command(slashCommand, async ({ ack, body, client, respond, context: { signature } }) => {
    const tell = (message: Message) => respond({ response_type: 'ephemeral', text: message.text, ...blocksOf(message) })
    const deliver = (answer: Answer) => delivered(answer, { tell, client, triggerId: body.trigger_id }, context)
    const asked = { kind: 'command' as const, command: slashCommand, text: body.text }
    await takeUp({ body, signature }, asked, { ack, deliver }, context)
  })
}

function connectPresses(app: App, context: CommandContext): void {
  for (const actionId of Object.keys(presses))
    app.action(
      { type: 'block_actions', action_id: actionId },
      async ({ ack, body, action, client, respond, context: { signature } }) => {
        const tell = (message: Message) =>
          respond({ response_type: 'ephemeral', replace_original: false, text: message.text, ...blocksOf(message) })
        const deliver = (answer: Answer) => delivered(answer, { tell, client, triggerId: body.trigger_id }, context)
        await takeUp({ body, signature }, pressed(actionId, action), { ack, deliver }, context)
      },
    )
}

/** The answer goes once its button was pressed, as a second press would do it twice. */
function connectAnswerPresses(app: App, context: CommandContext): void {
  for (const actionId of Object.keys(answerPresses))
    app.action(
      { type: 'block_actions', action_id: actionId },
      async ({ ack, body, action, client, respond, context: { signature } }) => {
        const tell = (message: Message) =>
          respond({ response_type: 'ephemeral', replace_original: true, text: message.text, ...blocksOf(message) })
        const deliver = async (answer: Answer) => {
          if (answer.kind === 'board')
            await respond({ delete_original: true }).catch((error: unknown) =>
              context.log.debug({ err: error }, 'an answer whose button was pressed stays'),
            )
          await delivered(answer, { tell, client, triggerId: body.trigger_id }, context)
        }
        await takeUp({ body, signature }, pressed(actionId, action), { ack, deliver }, context)
      },
    )
}

function connectHome(app: App, context: CommandContext, home: Home): void {
  app.event('app_home_opened', async ({ event, body, client, context: { signature } }) => {
    if (event.tab !== 'home') return
    const answer = await received(
      { body, signature, place: 'home' },
      { kind: 'home', text: 'App Home' },
      context,
      async ({ user }) => {
        await home.opened(user)
        return silent
      },
    )
    // Whoever may not use Purser sees why, and nothing of what was there before.
    if (answer?.kind === 'tell') await publish(client, event.user, homeOfNobody(answer.message), context)
  })

  for (const actionId of Object.keys(homePresses))
    app.action(
      { type: 'block_actions', action_id: actionId },
      async ({ ack, body, action, client, context: { signature } }) => {
        // Home has no place for an answer but a dialog.
        const tell = (message: Message) =>
          client.views.open({ trigger_id: body.trigger_id, view: inDialog('Purser', message) })
        const deliver = (answer: Answer) => delivered(answer, { tell, client, triggerId: body.trigger_id }, context)
        let known: string | undefined
        const admitted = (user: string) => void (known = user)
        await takeUp({ body, signature }, pressed(actionId, action), { ack, deliver, admitted }, context)
        if (known !== undefined) await home.opened(known)
      },
    )
}

function connectDialogs(app: App, context: CommandContext): void {
  for (const [viewId, { title, confirm }] of Object.entries(dialogs))
    app.view(viewId, async ({ ack, body, view, context: { signature } }) => {
      const text = `dialog ${viewId}: ${submittedText(view.private_metadata, view.state.values)}`
      const answer = await received({ body, signature }, { kind: 'dialog', text }, context, ({ user }, noting) =>
        confirm(submitted(user, view.private_metadata, view.state.values), noting),
      )
      const message =
        answer?.kind === 'board'
          ? ((await whyNoBoard(answer.run, dialogBoardLimitMs, context)) ?? answer.beside)
          : toldBy(answer)
      if (message === undefined) return ack()
      const under = answer?.kind === 'tell' ? answer.under : undefined
      if (under !== undefined && under.field in view.state.values)
        return ack({ response_action: 'errors', errors: { [under.field]: under.text } })
      await ack({ response_action: 'update', view: inDialog(title, message) })
    })
}

function toldBy(answer: Answer | undefined): Message | undefined {
  return answer?.kind === 'tell' ? answer.message : undefined
}

function pressed(actionId: string, action: object): Asked {
  const value = 'value' in action && typeof action.value === 'string' ? action.value : ''
  return { kind: 'press', actionId, value }
}

async function publish(client: WebClient, user: string, view: HomeView, { log }: CommandContext): Promise<void> {
  await client.views
    .publish({ user_id: user, view })
    .catch((error: unknown) => log.debug({ err: error, user }, 'App Home of somebody who may not use Purser'))
}

function blocksOf(message: Message) {
  return message.blocks === undefined ? {} : { blocks: [...message.blocks] }
}
