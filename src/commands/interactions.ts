import { actionIds, remedyActionId, viewIds } from '../messages/board/actions.ts'
import { deployNearestId } from '../messages/answers/no-such-version.ts'
import { inputs } from '../messages/dialogs/ask-dialogs.ts'
import { remedyKinds } from '../model/diagnosis.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { approve, cancel, confirmReject, leave, openRejectDialog, retry } from './decide.ts'
import { confirmDeploy } from './deploy.ts'
import { deployNearest } from './buttons/deploy-nearest.ts'
import { details } from './buttons/details.ts'
import { confirmDiagnose, diagnoseAfter, diagnoseAgain, fix } from './diagnose.ts'
import { confirmLock } from './lock.ts'
import type { Answer } from './respond.ts'
import { confirmRestore } from './restore.ts'
import { confirmRollback, openRollbackDialog } from './rollback.ts'
import type { Submitted } from './dialogs/submitted.ts'
import { runAgain } from './verify.ts'
import { finishWatch, keepWatching, stopWatching } from './buttons/watch.ts'

/*
 * Which function carries out what people press and confirm. `slack-app.ts` connects these tables to Slack.
 */

type Ticket = { readonly run: number; readonly plan: string | undefined }

/** What the buttons of boards and threads do, by their action id, one line each. Those of App Home are in `home.ts`. */
export const presses: Readonly<
  Record<string, (caller: Caller, ticket: Ticket, context: CommandContext) => Promise<Answer>>
> = {
  [actionIds.approve]: approve,
  [actionIds.reject]: openRejectDialog,
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
  [actionIds.diagnose]: diagnoseAfter,
  ...Object.fromEntries(
    remedyKinds.map((kind) => [
      remedyActionId(kind),
      (caller: Caller, ticket: Ticket, context: CommandContext) => fix(caller, ticket, kind, context),
    ]),
  ),
}

/** What the buttons in answers do that only one person sees, by their action id: each carries what it needs. */
export const answerPresses: Readonly<
  Record<string, (caller: Caller, value: string, context: CommandContext) => Promise<Answer>>
> = { [deployNearestId]: deployNearest }

/** What the confirmed dialogs do, by the id of their view, one line each. */
export const dialogs: Readonly<
  Record<string, { title: string; confirm: (dialog: Submitted, context: CommandContext) => Promise<Answer> }>
> = {
  [viewIds.rollback]: {
    title: 'Roll back',
    confirm: (one, context) =>
      confirmRollback(one.user, one.metadata, one.value(inputs.reason), context, one.value(inputs.environment)?.trim()),
  },
  [viewIds.deploy]: { title: 'Deploy', confirm: confirmDeploy },
  [viewIds.restore]: { title: 'Restore', confirm: confirmRestore },
  [viewIds.diagnose]: { title: 'Diagnose', confirm: confirmDiagnose },
  [viewIds.lock]: { title: 'Lock', confirm: confirmLock },
  [viewIds.reject]: { title: 'Reject', confirm: confirmReject },
}
