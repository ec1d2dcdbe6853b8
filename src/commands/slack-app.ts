import type { App } from '@slack/bolt'
import type { HomeView } from '@slack/types'
import { refusal, unknownCommand } from '../messages/answers/answers.ts'
import type { Message } from '../messages/blocks/message.ts'
import { readTicket } from '../messages/board/actions.ts'
import { homeOfNobody } from '../messages/home/home.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { deliver, inDialog, whyNoBoard } from './deliver.ts'
import { received } from './front-door.ts'
import { parseCommand } from './grammar.ts'
import { answerPresses, dialogs, presses } from './interactions.ts'
import { homeCaller, homePresses } from './home.ts'
import { type Answer, type Received, refuse, silent } from './respond.ts'
import { submitted, submittedText } from './dialogs/submitted.ts'

/** A dialog is answered within Slack's three seconds; most boards stand by then. */
const dialogBoardLimitMs = 1_500

type WebClient = App['client']

interface Home {
  readonly opened: (user: string) => Promise<void>
}

/** Connects what people do in Slack to the commands. Everything is acknowledged first, then worked out. */
export function connect(app: App, slashCommand: string, context: CommandContext, home: Home): void {
  connectCommand(app, slashCommand, context)
  connectPresses(app, context)
  connectAnswerPresses(app, context)
  connectHome(app, context, home)
  connectDialogs(app, context)
}

function connectCommand(app: App, slashCommand: string, context: CommandContext): void {
  app.command(slashCommand, async ({ ack, body, client, respond, context: { signature } }) => {
    await ack()
    const answer = await received(
      { body, signature },
      { kind: 'command', text: `${slashCommand} ${body.text}` },
      context,
      (caller, noting) => parseAndDispatch(caller, body.text, noting),
    )
    const tell = (message: Message) => respond({ response_type: 'ephemeral', text: message.text, ...blocksOf(message) })
    await deliver(answer, { tell, client, triggerId: body.trigger_id }, context)
  })
}

function connectPresses(app: App, context: CommandContext): void {
  for (const [actionId, press] of Object.entries(presses))
    app.action(
      { type: 'block_actions', action_id: actionId },
      async ({ ack, body, action, client, respond, context: { signature } }) => {
        await ack()
        const ticket = 'value' in action && typeof action.value === 'string' ? readTicket(action.value) : undefined
        const answer = await received({ body, signature }, pressed(actionId, ticket), context, (caller, noting) =>
          ticket === undefined
            ? refuse('This button is out of date.', 'See `/billing status`.')
            : press(caller, ticket, noting),
        )
        const tell = (message: Message) =>
          respond({ response_type: 'ephemeral', replace_original: false, text: message.text, ...blocksOf(message) })
        await deliver(answer, { tell, client, triggerId: body.trigger_id }, context)
      },
    )
}

/** The answer goes once its button was pressed, as a second press would do it twice. */
function connectAnswerPresses(app: App, context: CommandContext): void {
  for (const [actionId, press] of Object.entries(answerPresses))
    app.action(
      { type: 'block_actions', action_id: actionId },
      async ({ ack, body, action, client, respond, context: { signature } }) => {
        await ack()
        const value = 'value' in action ? String(action.value) : ''
        const asked = { kind: 'press' as const, text: `button ${actionId} ${value}` }
        const answer = await received({ body, signature }, asked, context, (caller, noting) =>
          press(caller, value, noting),
        )
        if (answer?.kind === 'board')
          await respond({ delete_original: true }).catch((error: unknown) =>
            context.log.debug({ err: error }, 'an answer whose button was pressed stays'),
          )
        const tell = (message: Message) =>
          respond({ response_type: 'ephemeral', replace_original: true, text: message.text, ...blocksOf(message) })
        await deliver(answer, { tell, client, triggerId: body.trigger_id }, context)
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

  for (const [actionId, press] of Object.entries(homePresses))
    app.action(
      { type: 'block_actions', action_id: actionId },
      async ({ ack, body, action, client, context: { signature } }) => {
        await ack()
        const environment = 'value' in action ? String(action.value) : ''
        const asked = { kind: 'press' as const, text: `button ${actionId} of ${environment}` }
        let known: string | undefined
        const act = async ({ user }: Caller, noting: CommandContext) => {
          known = user
          return press(await homeCaller(user, environment, noting), environment, noting)
        }
        const answer = await received({ body, signature, place: 'home' }, asked, context, act)
        // Home has no place for an answer but a dialog.
        const tell = (message: Message) =>
          client.views.open({ trigger_id: body.trigger_id, view: inDialog('Purser', message) })
        await deliver(answer, { tell, client, triggerId: body.trigger_id }, context)
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

/** What the audit keeps of a press: the run, and the plan that its button showed. */
function pressed(actionId: string, ticket: ReturnType<typeof readTicket>): Received {
  if (ticket === undefined) return { kind: 'press', text: `button ${actionId}` }
  const { run, plan } = ticket
  return {
    kind: 'press',
    text: `button ${actionId} of run #${run}`,
    run,
    facts: { action: actionId, shown: plan ?? null },
  }
}

async function publish(client: WebClient, user: string, view: HomeView, { log }: CommandContext): Promise<void> {
  await client.views
    .publish({ user_id: user, view })
    .catch((error: unknown) => log.debug({ err: error, user }, 'App Home of somebody who may not use Purser'))
}

function parseAndDispatch(caller: Caller, text: string, context: CommandContext): Promise<Answer> | Answer {
  const parsed = parseCommand(text, Object.keys(context.config.environments))
  if (parsed.ok) return parsed.act(caller, context)
  if (parsed.kind === 'unknown')
    return { kind: 'tell', message: unknownCommand(parsed.typed, parsed.nearest, parsed.usage) }
  return { kind: 'tell', message: refusal(parsed.text, `Usage: \`${parsed.usage}\``) }
}

function blocksOf(message: Message) {
  return message.blocks === undefined ? {} : { blocks: [...message.blocks] }
}
