import type { App } from '@slack/bolt'
import type { ModalView } from '@slack/types'
import { actionIds, readTicket, remedyActionId, viewIds } from '../messages/board/actions.ts'
import { refusal, unknownCommand } from '../messages/answers/answers.ts'
import { inputs } from '../messages/dialogs/ask-dialogs.ts'
import type { Message } from '../messages/blocks/message.ts'
import { remedyKinds } from '../model/diagnosis.ts'
import { backups } from './backups.ts'
import { approve, cancel, leave, reject, retry } from './decide.ts'
import { askDiagnose, confirmDiagnose, diagnose, diagnoseAgain, fix } from './diagnose.ts'
import { askDeploy, confirmDeploy, deploy } from './deploy.ts'
import { type Answer, answering, type Ask, type Desk, refuse } from './command-context.ts'
import { homeChannel, homePresses } from './home.ts'
import { askLock, confirmLock, lock, unlock } from './lock.ts'
import { details, history, runAgain, showHelp, status, verify } from './look.ts'
import { type Command, parseCommand } from './grammar.ts'
import { askRestore, confirmRestore } from './restore.ts'
import { askRollback, confirmRollback } from './rollback.ts'
import { type Submitted, submitted } from './submitted.ts'
import { finishWatch, keepWatching, stopWatching } from './watch.ts'

type Opens = Extract<Answer, { kind: 'open' }>
type WebClient = App['client']
type Ticket = { readonly run: number; readonly plan: string | undefined }

/** One line for each thing that people type. */
function obey(ask: Ask, command: Command, desk: Desk): Promise<Answer> | Answer {
  switch (command.name) {
    case 'deploy':
    case 'plan':
      return deploy(ask, command, desk)
    case 'choose_version':
      return askDeploy(ask, command, desk)
    case 'verify':
      return verify(ask, command.environment, desk)
    case 'diagnose':
      return diagnose(ask, command, desk)
    case 'choose_subject':
      return askDiagnose(ask, command.environment, desk)
    case 'status':
      return status(ask, command.run, desk)
    case 'history':
      return history(ask, command.run, desk)
    case 'backups':
      return backups(ask, command.environment, desk)
    case 'restore':
      return askRestore(ask, command, desk)
    case 'rollback':
      return askRollback(ask, command.run, desk, command.revision)
    case 'retry':
      return retry(ask, command.run, desk)
    case 'cancel':
      return cancel(ask, command.run, desk)
    case 'lock':
      return lock(ask, command.reason, desk)
    case 'give_reason':
      return askLock(ask, undefined, desk)
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
  [actionIds.finishWatch]: finishWatch,
  [actionIds.keepWatching]: keepWatching,
  [actionIds.stopWatching]: stopWatching,
  [actionIds.diagnoseAgain]: diagnoseAgain,
  ...Object.fromEntries(
    remedyKinds.map((kind) => [
      remedyActionId(kind),
      (ask: Ask, ticket: Ticket, desk: Desk) => fix(ask, ticket, kind, desk),
    ]),
  ),
}

/** One line for each dialog that can be confirmed. */
const dialogs: Readonly<
  Record<string, { title: string; confirm: (dialog: Submitted, desk: Desk) => Promise<Answer> }>
> = {
  [viewIds.rollback]: {
    title: 'Roll back',
    confirm: (one, desk) => confirmRollback(one.user, one.metadata, one.value(inputs.reason), desk),
  },
  [viewIds.deploy]: { title: 'Deploy', confirm: confirmDeploy },
  [viewIds.restore]: { title: 'Restore', confirm: confirmRestore },
  [viewIds.diagnose]: { title: 'Diagnose', confirm: confirmDiagnose },
  [viewIds.lock]: { title: 'Lock', confirm: confirmLock },
}

/** Connects what people do in Slack to the commands. Everything is acknowledged first, then worked out. */
export function connect(
  app: App,
  slashCommand: string,
  desk: Desk,
  home: { readonly opened: (user: string) => Promise<void> },
): void {
  app.command(slashCommand, async ({ ack, body, client, respond }) => {
    await ack()
    const ask = { user: body.user_id, channel: body.channel_id }
    const answer = await answering(desk, ask, `${slashCommand} ${body.text}`, async () => typed(ask, body.text, desk))
    await give(answer, {
      tell: (message) => respond({ response_type: 'ephemeral', text: message.text, ...blocksOf(message) }),
      open: (one) => open(client, body.trigger_id, one, desk),
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
        open: (one) => open(client, body.trigger_id, one, desk),
      })
    })

  app.event('app_home_opened', async ({ event }) => {
    if (event.tab === 'home') await home.opened(event.user)
  })

  for (const [actionId, press] of Object.entries(homePresses))
    app.action({ type: 'block_actions', action_id: actionId }, async ({ ack, body, action, client }) => {
      await ack()
      const environment = 'value' in action ? String(action.value) : ''
      const answer = await answering(desk, { user: body.user.id, channel: 'home' }, `button ${actionId}`, () =>
        press({ user: body.user.id, channel: homeChannel(environment, desk) }, environment, desk),
      )
      await give(answer, {
        // Home has no place for an answer but a dialog.
        tell: (message) => client.views.open({ trigger_id: body.trigger_id, view: said('Purser', message) }),
        open: (one) => open(client, body.trigger_id, one, desk),
      })
      await home.opened(body.user.id)
    })

  for (const [viewId, { title, confirm }] of Object.entries(dialogs))
    app.view(viewId, async ({ ack, body, view }) => {
      const ask = { user: body.user.id, channel: '' }
      const dialog = submitted(body.user.id, view.private_metadata, view.state.values)
      const answer = await answering(desk, ask, `dialog ${viewId}`, () => confirm(dialog, desk))
      if (answer.kind !== 'tell') return ack()
      await ack({ response_action: 'update', view: said(title, answer.message) })
    })
}

/** Opens a dialog within the three seconds that Slack gives; what takes longer to know is put in afterwards. */
async function open(client: WebClient, triggerId: string, answer: Opens, desk: Desk): Promise<void> {
  const opened = await client.views.open({ trigger_id: triggerId, view: answer.view })
  const viewId = opened.view?.id
  if (answer.fill === undefined || viewId === undefined) return
  const view = await answer.fill().catch((error: unknown) => {
    desk.log.error({ err: error }, 'filling a dialog')
    return said(answer.view.title.text, refusal('Purser could not read that now; nothing was changed.', 'Try again.'))
  })
  await client.views
    .update({ view_id: viewId, view })
    .catch((error: unknown) => desk.log.debug({ err: error }, 'the dialog was closed meanwhile'))
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
  ways: { readonly tell: (message: Message) => Promise<unknown>; readonly open: (answer: Opens) => Promise<unknown> },
): Promise<void> {
  if (answer.kind === 'tell') await ways.tell(answer.message)
  if (answer.kind === 'open') await ways.open(answer)
}

function blocksOf(message: Message) {
  return message.blocks === undefined ? {} : { blocks: [...message.blocks] }
}

/** A dialog can only be answered in the dialog. */
function said(title: string, message: Message): ModalView {
  return {
    type: 'modal',
    title: { type: 'plain_text', text: title },
    close: { type: 'plain_text', text: 'Close' },
    blocks: [...(message.blocks ?? [])],
  }
}
