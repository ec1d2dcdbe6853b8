import type { App } from '@slack/bolt'
import type { ModalView } from '@slack/types'
import { refusal, unknownCommand } from '../messages/answers/answers.ts'
import type { Message } from '../messages/blocks/message.ts'
import { readTicket } from '../messages/board/actions.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { parseCommand } from './grammar.ts'
import { dialogs, presses } from './interactions.ts'
import { homeChannel, homePresses } from './home.ts'
import { type Answer, answering, type Received, refuse } from './respond.ts'
import { submitted, submittedText } from './dialogs/submitted.ts'

type Opens = Extract<Answer, { kind: 'open' }>
type WebClient = App['client']

/** Connects what people do in Slack to the commands. Everything is acknowledged first, then worked out. */
export function connect(
  app: App,
  slashCommand: string,
  context: CommandContext,
  home: { readonly opened: (user: string) => Promise<void> },
): void {
  app.command(slashCommand, async ({ ack, body, client, respond }) => {
    await ack()
    const caller = { user: body.user_id, channel: body.channel_id }
    const received = { kind: 'command' as const, text: `${slashCommand} ${body.text}` }
    const answer = await answering(context, caller, received, async () => parseAndDispatch(caller, body.text, context))
    await deliver(answer, {
      tell: (message) => respond({ response_type: 'ephemeral', text: message.text, ...blocksOf(message) }),
      open: (one) => open(client, body.trigger_id, one, context),
    })
  })

  for (const [actionId, press] of Object.entries(presses))
    app.action({ type: 'block_actions', action_id: actionId }, async ({ ack, body, action, client, respond }) => {
      await ack()
      const caller = { user: body.user.id, channel: body.channel?.id ?? '' }
      const ticket = 'value' in action && typeof action.value === 'string' ? readTicket(action.value) : undefined
      const answer = await answering(context, caller, pressed(actionId, ticket), async () =>
        ticket === undefined
          ? refuse('This button is too old to be understood.', '/billing status')
          : press(caller, ticket, context),
      )
      await deliver(answer, {
        tell: (message) =>
          respond({ response_type: 'ephemeral', replace_original: false, text: message.text, ...blocksOf(message) }),
        open: (one) => open(client, body.trigger_id, one, context),
      })
    })

  app.event('app_home_opened', async ({ event }) => {
    if (event.tab === 'home') await home.opened(event.user)
  })

  for (const [actionId, press] of Object.entries(homePresses))
    app.action({ type: 'block_actions', action_id: actionId }, async ({ ack, body, action, client }) => {
      await ack()
      const environment = 'value' in action ? String(action.value) : ''
      const received = { kind: 'press' as const, text: `button ${actionId} of ${environment}` }
      const answer = await answering(context, { user: body.user.id, channel: 'home' }, received, () =>
        press({ user: body.user.id, channel: homeChannel(environment, context) }, environment, context),
      )
      await deliver(answer, {
        // Home has no place for an answer but a dialog.
        tell: (message) => client.views.open({ trigger_id: body.trigger_id, view: inDialog('Purser', message) }),
        open: (one) => open(client, body.trigger_id, one, context),
      })
      await home.opened(body.user.id)
    })

  for (const [viewId, { title, confirm }] of Object.entries(dialogs))
    app.view(viewId, async ({ ack, body, view }) => {
      const caller = { user: body.user.id, channel: '' }
      const dialog = submitted(body.user.id, view.private_metadata, view.state.values)
      const received = {
        kind: 'dialog' as const,
        text: `dialog ${viewId}: ${submittedText(view.private_metadata, view.state.values)}`,
      }
      const answer = await answering(context, caller, received, () => confirm(dialog, context))
      if (answer.kind !== 'tell') return ack()
      await ack({ response_action: 'update', view: inDialog(title, answer.message) })
    })
}

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
  answer: Answer,
  ways: { readonly tell: (message: Message) => Promise<unknown>; readonly open: (answer: Opens) => Promise<unknown> },
): Promise<void> {
  if (answer.kind === 'tell') await ways.tell(answer.message)
  if (answer.kind === 'open') await ways.open(answer)
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
