import { help, historyMessage, runHistoryMessage, statusMessage } from '../messages/answers/answers.ts'
import { detailsView } from '../messages/dialogs/dialogs.ts'
import { isReadOnly } from '../model/run.ts'
import { type Answer, type Ask, type Desk, follow, guard, silent, tell } from './command-context.ts'

/** `/billing verify [ENV]`: counts and state, as a run of its own beside whatever else runs. */
export async function verify(ask: Ask, environment: string | undefined, desk: Desk): Promise<Answer> {
  const name = environment ?? desk.config.defaultEnvironment
  await guard(desk, ask, 'look', name)
  const applied = await desk.runs.create({
    kind: 'verify',
    service: desk.config.service.name,
    environment: name,
    version: '',
    dryRun: false,
    parent: undefined,
    requestedBy: ask.user,
    channel: ask.channel,
    reason: undefined,
    plan: undefined,
    approvalsNeeded: 0,
    phases: [{ name: 'verify', budgetMinutes: 1 }],
    expiresInMinutes: 5,
  })
  await follow(desk, applied)
  return silent
}

/** The Run again button of a verification: a new one, the old board stays as it was found. */
export async function runAgain(ask: Ask, ticket: { run: number }, desk: Desk): Promise<Answer> {
  const run = await desk.runs.get(ticket.run)
  return verify(ask, run.environment, desk)
}

/** `/billing status [#N]`: what runs and what waits, or one run. */
export async function status(ask: Ask, asked: number | undefined, desk: Desk): Promise<Answer> {
  if (asked !== undefined) {
    const run = await desk.runs.get(asked)
    await guard(desk, ask, 'look', run.environment)
    return tell(statusMessage([run], desk.now()))
  }
  await guard(desk, ask, 'look', desk.config.defaultEnvironment)
  const statuses = ['planning', 'awaiting_approval', 'executing', 'cancelling', 'failed'] as const
  const open = await desk.runs.list({ statuses })
  // A look that failed, or a plan that could not be made, waits for nobody.
  const waiting = open.filter((run) => run.status !== 'failed' || (!isReadOnly(run) && run.startedAt !== undefined))
  return tell(statusMessage(waiting, desk.now()))
}

/** `/billing history [#N]`: finished runs, or every event of one. */
export async function history(ask: Ask, asked: number | undefined, desk: Desk): Promise<Answer> {
  if (asked !== undefined) {
    const run = await desk.runs.get(asked)
    await guard(desk, ask, 'look', run.environment)
    return tell(runHistoryMessage(run, await desk.runs.events(asked)))
  }
  await guard(desk, ask, 'look', desk.config.defaultEnvironment)
  return tell(historyMessage(await desk.runs.list({ limit: 10 }), desk.now()))
}

/** The Details button: the plan in full. */
export async function details(ask: Ask, ticket: { run: number }, desk: Desk): Promise<Answer> {
  const run = await desk.runs.get(ticket.run)
  await guard(desk, ask, 'look', run.environment)
  return { kind: 'open', view: detailsView(run) }
}

export function showHelp(): Answer {
  return tell(help())
}
