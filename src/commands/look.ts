import { help, historyMessage, runHistoryMessage, statusMessage } from '../messages/answers/answers.ts'
import { detailsView } from '../messages/dialogs/dialogs.ts'
import { isReadOnly } from '../model/run.ts'
import {
  type Answer,
  type Caller,
  type CommandContext,
  publishAndEnqueue,
  guard,
  silent,
  tell,
} from './command-context.ts'

/** `/billing verify [ENV]`: counts and state, as a run of its own beside whatever else runs. */
export async function verify(
  caller: Caller,
  environment: string | undefined,
  context: CommandContext,
): Promise<Answer> {
  const name = environment ?? context.config.defaultEnvironment
  await guard(context, caller, 'look', name)
  const applied = await context.runs.create({
    kind: 'verify',
    service: context.config.service.name,
    environment: name,
    version: '',
    dryRun: false,
    parent: undefined,
    requestedBy: caller.user,
    channel: caller.channel,
    reason: undefined,
    plan: undefined,
    approvalsNeeded: 0,
    phases: [{ name: 'verify', budgetMinutes: 1 }],
    expiresInMinutes: 5,
  })
  await publishAndEnqueue(context, applied)
  return silent
}

/** The Run again button of a verification: a new one, the old board stays as it was found. */
export async function runAgain(caller: Caller, ticket: { run: number }, context: CommandContext): Promise<Answer> {
  const run = await context.runs.get(ticket.run)
  return verify(caller, run.environment, context)
}

/** `/billing status [#N]`: what runs and what waits, or one run. */
export async function status(caller: Caller, asked: number | undefined, context: CommandContext): Promise<Answer> {
  if (asked !== undefined) {
    const run = await context.runs.get(asked)
    await guard(context, caller, 'look', run.environment)
    return tell(statusMessage([run], context.now()))
  }
  await guard(context, caller, 'look', context.config.defaultEnvironment)
  const statuses = ['planning', 'awaiting_approval', 'executing', 'cancelling', 'failed'] as const
  const open = await context.runs.list({ statuses })
  // A look that failed, or a plan that could not be made, waits for nobody.
  const waiting = open.filter((run) => run.status !== 'failed' || (!isReadOnly(run) && run.startedAt !== undefined))
  return tell(statusMessage(waiting, context.now()))
}

/** `/billing history [#N]`: finished runs, or every event of one. */
export async function history(caller: Caller, asked: number | undefined, context: CommandContext): Promise<Answer> {
  if (asked !== undefined) {
    const run = await context.runs.get(asked)
    await guard(context, caller, 'look', run.environment)
    return tell(runHistoryMessage(run, await context.runs.events(asked)))
  }
  await guard(context, caller, 'look', context.config.defaultEnvironment)
  return tell(historyMessage(await context.runs.list({ limit: 10 }), context.now()))
}

/** The Details button: the plan in full. */
export async function details(caller: Caller, ticket: { run: number }, context: CommandContext): Promise<Answer> {
  const run = await context.runs.get(ticket.run)
  await guard(context, caller, 'look', run.environment)
  return { kind: 'open', view: detailsView(run) }
}

export function showHelp(): Answer {
  return tell(help())
}
