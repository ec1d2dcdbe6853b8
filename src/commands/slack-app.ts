import type { App } from '@slack/bolt'
import type { HomeView, ModalView } from '@slack/types'
import { refusal, unknownCommand } from '../messages/answers/answers.ts'
import type { Message } from '../messages/blocks/message.ts'
import { readTicket } from '../messages/board/actions.ts'
import { homeOfNobody } from '../messages/home/home.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { received } from './front-door.ts'
import { parseCommand } from './grammar.ts'
import { dialogs, presses } from './interactions.ts'
import { homeCaller, homePresses } from './home.ts'
import { type Answer, type Received, refuse, silent } from './respond.ts'
import { submitted, submittedText } from './dialogs/submitted.ts'

type Opens = Extract<Answer, { kind: 'open' }>
type WebClient = App['client']

interface Home {
  readonly opened: (user: string) => Promise<void>
}

/** Connects what people do in Slack to the commands. Everything is acknowledged first, then worked out. */
export function connect(app: App, slashCommand: string, context: CommandContext, home: Home): void {
  connectCommand(app, slashCommand, context)
  connectPresses(app, context)
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
    await deliver(answer, {
      tell: (message) => respond({ response_type: 'ephemeral', text: message.text, ...blocksOf(message) }),
      open: (one) => open(client, body.trigger_id, one, context),
    })
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
            ? refuse('This button is too old to be understood.', '/billing status')
            : press(caller, ticket, noting),
        )
        await deliver(answer, {
          tell: (message) =>
            respond({ response_type: 'ephemeral', replace_original: false, text: message.text, ...blocksOf(message) }),
          open: (one) => open(client, body.trigger_id, one, context),
        })
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
        await deliver(answer, {
          // Home has no place for an answer but a dialog.
          tell: (message) => client.views.open({ trigger_id: body.trigger_id, view: inDialog('Purser', message) }),
          open: (one) => open(client, body.trigger_id, one, context),
        })
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
      if (answer?.kind !== 'tell') return ack()
      await ack({ response_action: 'update', view: inDialog(title, answer.message) })
    })
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

/** Opens a dialog within the three seconds that Slack gives; what takes longer to know is put in afterwards. */
async function open(client: WebClient, triggerId: string, answer: Opens, context: CommandContext): Promise<void> {
  const opened = await client.views.open({ trigger_id: triggerId, view: answer.view })
  const viewId = opened.view?.id
  if (answer.fill === undefined || viewId === undefined) return
  const view = await answer.fill().catch((error: unknown) => {
    context.log.error({ err: error }, 'filling a dialog')
    return inDialog(
      answer.view.title.text,
      refusal('Purser could not read that now; nothing was changed.', 'Try again.'),
    )
  })
  await client.views
    .update({ view_id: viewId, view })
    .catch((error: unknown) => context.log.debug({ err: error }, 'the dialog was closed meanwhile'))
}

function parseAndDispatch(caller: Caller, text: string, context: CommandContext): Promise<Answer> | Answer {
  const parsed = parseCommand(text, Object.keys(context.config.environments))
  if (parsed.ok) return parsed.act(caller, context)
  if (parsed.kind === 'unknown')
    return { kind: 'tell', message: unknownCommand(parsed.typed, parsed.nearest, parsed.usage) }
  return { kind: 'tell', message: refusal(`${parsed.text} Nothing was changed.`, `Usage: ${parsed.usage}`) }
}

async function deliver(
  answer: Answer | undefined,
  ways: { readonly tell: (message: Message) => Promise<unknown>; readonly open: (answer: Opens) => Promise<unknown> },
): Promise<void> {
  if (answer?.kind === 'tell') await ways.tell(answer.message)
  if (answer?.kind === 'open') await ways.open(answer)
}

function blocksOf(message: Message) {
  return message.blocks === undefined ? {} : { blocks: [...message.blocks] }
}

/** A dialog can only be answered in the dialog. */
function inDialog(title: string, message: Message): ModalView {
  return {
    type: 'modal',
    title: { type: 'plain_text', text: title },
    close: { type: 'plain_text', text: 'Close' },
    blocks: [...(message.blocks ?? [])],
  }
}
