import { newRun } from '../model/new-run.ts'
import { type Answer, publishAndEnqueue, silent } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { guard } from './guards.ts'

/** `/billing verify [ENV]`: counts and state, as a run of its own beside whatever else runs. */
export async function verify(
  caller: Caller,
  environment: string | undefined,
  context: CommandContext,
): Promise<Answer> {
  const name = environment ?? context.config.defaultEnvironment
  await guard(context, caller, 'view', name)
  const run = newRun('verify', {
    service: context.config.service.name,
    environment: name,
    requestedBy: caller.user,
    channel: caller.channel,
  })
  const applied = await context.runs.create(run)
  await publishAndEnqueue(context, applied)
  return silent
}

/** The Run again button of a verification: a new one, the old board stays as it was found. */
export async function runAgain(caller: Caller, ticket: { run: number }, context: CommandContext): Promise<Answer> {
  const run = await context.runs.get(ticket.run)
  return verify(caller, run.environment, context)
}
