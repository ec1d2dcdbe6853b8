import type { App } from '@slack/bolt'
import type { ModalView } from '@slack/types'
import { actionIds, readTicket, remedyActionId, viewIds } from '../messages/board/actions.ts'
import { refusal, unknownCommand } from '../messages/answers/answers.ts'
import { inputs } from '../messages/dialogs/ask-dialogs.ts'
import type { Message } from '../messages/blocks/message.ts'
import { remedyKinds } from '../model/diagnosis.ts'
import { backups } from './backups.ts'
import { approve, cancel, leave, reject, retry } from './decide.ts'
import { confirmDiagnose, diagnose, diagnoseAgain, fix, openDiagnoseDialog } from './diagnose.ts'
import { confirmDeploy, deploy, openDeployDialog } from './deploy.ts'
import { type Answer, answering, refuse } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { homeChannel, homePresses } from './home.ts'
import { confirmLock, lock, openLockDialog, unlock } from './lock.ts'
import { details } from './details.ts'
import { history } from './history.ts'
import { runAgain, verify } from './verify.ts'
import { showHelp } from './help.ts'
import { status } from './status.ts'
import { type Command, parseCommand } from './grammar.ts'
import { confirmRestore, openRestoreDialog } from './restore.ts'
import { confirmRollback, openRollbackDialog } from './rollback.ts'
import { type Submitted, submitted } from './submitted.ts'
import { finishWatch, keepWatching, stopWatching } from './watch.ts'

type Opens = Extract<Answer, { kind: 'open' }>
type WebClient = App['client']
type Ticket = { readonly run: number; readonly plan: string | undefined }

/** One line for each thing that people type. */
function dispatch(caller: Caller, command: Command, context: CommandContext): Promise<Answer> | Answer {
  switch (command.name) {
    case 'deploy':
    case 'plan':
      return deploy(caller, command, context)
    case 'choose_version':
      return openDeployDialog(caller, command, context)
    case 'verify':
      return verify(caller, command.environment, context)
    case 'diagnose':
      return diagnose(caller, command, context)
    case 'choose_subject':
      return openDiagnoseDialog(caller, command.environment, context)
    case 'status':
      return status(caller, command.run, context)
    case 'history':
      return history(caller, command.run, context)
    case 'backups':
      return backups(caller, command.environment, context)
    case 'restore':
      return openRestoreDialog(caller, command, context)
    case 'rollback':
      return openRollbackDialog(caller, command.run, context, command.revision)
    case 'retry':
      return retry(caller, command.run, context)
    case 'cancel':
      return cancel(caller, command.run, context)
    case 'lock':
      return lock(caller, command.reason, context)
    case 'give_reason':
      return openLockDialog(caller, undefined, context)
    case 'unlock':
      return unlock(caller, command.environment, context)
    case 'help':
      return showHelp()
  }
}

/** One line for each button. */
const presses: Readonly<Record<string, (caller: Caller, ticket: Ticket, context: CommandContext) => Promise<Answer>>> =
  {
    [actionIds.approve]: approve,
    [actionIds.reject]: reject,
    [actionIds.retryPhase]: (caller, ticket, context) => retry(caller, ticket.run, context),
    [actionIds.rollBack]: (caller, ticket, context) => openRollbackDialog(caller, ticket.run, context),
    [actionIds.cancel]: (caller, ticket, context) => cancel(caller, ticket.run, context),
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
        (caller: Caller, ticket: Ticket, context: CommandContext) => fix(caller, ticket, kind, context),
      ]),
    ),
  }

/** One line for each dialog that can be confirmed. */
const dialogs: Readonly<
  Record<string, { title: string; confirm: (dialog: Submitted, context: CommandContext) => Promise<Answer> }>
> = {
  [viewIds.rollback]: {
    title: 'Roll back',
    confirm: (one, context) => confirmRollback(one.user, one.metadata, one.value(inputs.reason), context),
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
  context: CommandContext,
  home: { readonly opened: (user: string) => Promise<void> },
): void {
  app.command(slashCommand, async ({ ack, body, client, respond }) => {
    await ack()
    const caller = { user: body.user_id, channel: body.channel_id }
    const answer = await answering(context, caller, `${slashCommand} ${body.text}`, async () =>
      parseAndDispatch(caller, body.text, context),
    )
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
      const answer = await answering(context, caller, `button ${actionId}`, async () =>
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
      const answer = await answering(context, { user: body.user.id, channel: 'home' }, `button ${actionId}`, () =>
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
      const answer = await answering(context, caller, `dialog ${viewId}`, () => confirm(dialog, context))
      if (answer.kind !== 'tell') return ack()
      await ack({ response_action: 'update', view: inDialog(title, answer.message) })
    })
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
  if (parsed.ok) return dispatch(caller, parsed.command, context)
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
