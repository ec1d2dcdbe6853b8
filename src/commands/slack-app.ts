import type { App } from '@slack/bolt'
import type { ModalView } from '@slack/types'
import { actionIds, readTicket, viewIds } from '../messages/actions.ts'
import { refusal, unknownCommand } from '../messages/answers.ts'
import type { Message } from '../messages/message.ts'
import { approve, cancel, leave, reject, retry } from './decide.ts'
import { deploy } from './deploy.ts'
import type { Answer, Ask, Desk } from './desk.ts'
import { answering, refuse } from './desk.ts'
import { lock, unlock } from './lock.ts'
import { details, history, runAgain, showHelp, status, verify } from './look.ts'
import type { Command } from './parse.ts'
import { parseCommand } from './parse.ts'
import { askRollback, confirmRollback } from './rollback.ts'

type Ticket = { readonly run: number; readonly plan: string | undefined }

/** One line for each thing that people type. */
function obey(ask: Ask, command: Command, desk: Desk): Promise<Answer> | Answer {
  switch (command.name) {
    case 'deploy':
    case 'plan':
      return deploy(ask, command, desk)
    case 'verify':
      return verify(ask, command.environment, desk)
    case 'status':
      return status(ask, command.run, desk)
    case 'history':
      return history(ask, command.run, desk)
    case 'rollback':
      return askRollback(ask, command.run, desk)
    case 'retry':
      return retry(ask, command.run, desk)
    case 'cancel':
      return cancel(ask, command.run, desk)
    case 'lock':
      return lock(ask, command.reason, desk)
    case 'unlock':
      return unlock(ask, command.environment, desk)
    case 'help':
      return showHelp()
  }
}

/** One line for each button. */
const presses: Readonly<Record<string, (ask: Ask, ticket: Ticket, desk: Desk) => Promise<Answer>>> = {
  [actionIds.approve]: approve,
  [actionIds.reject]: reject,
  [actionIds.retryPhase]: (ask, ticket, desk) => retry(ask, ticket.run, desk),
  [actionIds.rollBack]: (ask, ticket, desk) => askRollback(ask, ticket.run, desk),
  [actionIds.cancel]: (ask, ticket, desk) => cancel(ask, ticket.run, desk),
  [actionIds.details]: details,
  [actionIds.leave]: leave,
  [actionIds.runAgain]: runAgain,
}

/** Connects what people do in Slack to the commands. Everything is acknowledged first, then worked out. */
export function connect(app: App, slashCommand: string, desk: Desk): void {
  app.command(slashCommand, async ({ ack, body, client, respond }) => {
    await ack()
    const ask = { user: body.user_id, channel: body.channel_id }
    const answer = await answering(desk, ask, `${slashCommand} ${body.text}`, async () => typed(ask, body.text, desk))
    await give(answer, {
      tell: (message) => respond({ response_type: 'ephemeral', text: message.text, ...blocksOf(message) }),
      open: (view) => client.views.open({ trigger_id: body.trigger_id, view }),
    })
  })

  for (const [actionId, press] of Object.entries(presses))
    app.action({ type: 'block_actions', action_id: actionId }, async ({ ack, body, action, client, respond }) => {
      await ack()
      const ask = { user: body.user.id, channel: body.channel?.id ?? '' }
      const ticket = 'value' in action && typeof action.value === 'string' ? readTicket(action.value) : undefined
      const answer = await answering(desk, ask, `button ${actionId}`, async () =>
        ticket === undefined
          ? refuse('This button is too old to be understood.', '/billing status')
          : press(ask, ticket, desk),
      )
      await give(answer, {
        tell: (message) =>
          respond({ response_type: 'ephemeral', replace_original: false, text: message.text, ...blocksOf(message) }),
        open: (view) => client.views.open({ trigger_id: body.trigger_id, view }),
      })
    })

  app.view(viewIds.rollback, async ({ ack, body, view }) => {
    const ask = { user: body.user.id, channel: '' }
    const reason = view.state.values['reason']?.['reason']?.value ?? undefined
    const answer = await answering(desk, ask, 'rollback dialog', () =>
      confirmRollback(body.user.id, view.private_metadata, reason, desk),
    )
    if (answer.kind !== 'tell') return ack()
    await ack({ response_action: 'update', view: said(answer.message) })
  })
}

function typed(ask: Ask, text: string, desk: Desk): Promise<Answer> | Answer {
  const parsed = parseCommand(text, Object.keys(desk.config.environments))
  if (parsed.ok) return obey(ask, parsed.command, desk)
  if (parsed.kind === 'unknown')
    return { kind: 'tell', message: unknownCommand(parsed.typed, parsed.nearest, parsed.usage) }
  return { kind: 'tell', message: refusal(`${parsed.text} Nothing was changed.`, `Usage: ${parsed.usage}`) }
}

async function give(
  answer: Answer,
  ways: { readonly tell: (message: Message) => Promise<unknown>; readonly open: (view: ModalView) => Promise<unknown> },
): Promise<void> {
  if (answer.kind === 'tell') await ways.tell(answer.message)
  if (answer.kind === 'open') await ways.open(answer.view)
}

function blocksOf(message: Message) {
  return message.blocks === undefined ? {} : { blocks: [...message.blocks] }
}

/** A dialog can only be answered in the dialog. */
function said(message: Message): ModalView {
  return {
    type: 'modal',
    title: { type: 'plain_text', text: 'Roll back' },
    close: { type: 'plain_text', text: 'Close' },
    blocks: [...(message.blocks ?? [])],
  }
}
