import { actionIds, remedyActionId, viewIds } from '../messages/board/actions.ts'
import { inputs } from '../messages/dialogs/ask-dialogs.ts'
import { remedyKinds } from '../model/diagnosis.ts'
import { backups } from './backups.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { approve, cancel, leave, reject, retry } from './decide.ts'
import { confirmDeploy, deploy, openDeployDialog } from './deploy.ts'
import { details } from './buttons/details.ts'
import { confirmDiagnose, diagnose, diagnoseAgain, fix, openDiagnoseDialog } from './diagnose.ts'
import type { Command } from './grammar.ts'
import { showHelp } from './help.ts'
import { history } from './history.ts'
import { confirmLock, lock, openLockDialog, unlock } from './lock.ts'
import type { Answer } from './respond.ts'
import { confirmRestore, openRestoreDialog } from './restore.ts'
import { confirmRollback, openRollbackDialog } from './rollback.ts'
import { status } from './status.ts'
import type { Submitted } from './dialogs/submitted.ts'
import { runAgain, verify } from './verify.ts'
import { finishWatch, keepWatching, stopWatching } from './buttons/watch.ts'

/*
 * Which function carries out what people type, press and confirm. `slack-app.ts` connects these tables to Slack.
 */

type Ticket = { readonly run: number; readonly plan: string | undefined }

type Name = Command['name']
type CommandsByName = { readonly [N in Name]: Extract<Command, { name: N }> }
type Handlers = {
  readonly [N in Name]: (
    caller: Caller,
    command: CommandsByName[N],
    context: CommandContext,
  ) => Promise<Answer> | Answer
}

/** Every command that `grammar.ts` can make of a line: one line each, and none can be forgotten. */
const commands: Handlers = {
  deploy,
  plan: deploy,
  choose_version: openDeployDialog,
  status: (caller, { run }, context) => status(caller, run, context),
  verify: (caller, { environment }, context) => verify(caller, environment, context),
  diagnose,
  choose_subject: (caller, { environment }, context) => openDiagnoseDialog(caller, environment, context),
  backups: (caller, { environment }, context) => backups(caller, environment, context),
  restore: openRestoreDialog,
  rollback: (caller, { run, revision }, context) => openRollbackDialog(caller, run, context, revision),
  retry: (caller, { run }, context) => retry(caller, run, context),
  cancel: (caller, { run }, context) => cancel(caller, run, context),
  history: (caller, { run }, context) => history(caller, run, context),
  lock: (caller, { reason }, context) => lock(caller, reason, context),
  give_reason: (caller, _, context) => openLockDialog(caller, undefined, context),
  unlock: (caller, { environment }, context) => unlock(caller, environment, context),
  help: showHelp,
}

export function dispatch<N extends Name>(
  caller: Caller,
  command: CommandsByName[N] & { readonly name: N },
  context: CommandContext,
): Promise<Answer> | Answer {
  return commands[command.name](caller, command, context)
}

/** The buttons of boards and threads, by their action id: one line each. Those of App Home are in `home.ts`. */
export const presses: Readonly<
  Record<string, (caller: Caller, ticket: Ticket, context: CommandContext) => Promise<Answer>>
> = {
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

/** The dialogs that can be confirmed, by the id of their view: one line each. */
export const dialogs: Readonly<
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
