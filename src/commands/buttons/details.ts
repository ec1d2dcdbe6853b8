import { detailsView } from '../../messages/dialogs/dialogs.ts'
import type { Answer } from '../respond.ts'
import type { Caller, CommandContext } from '../command-context.ts'
import { guard, guardRate } from '../guards.ts'

/** Answers the Details button with the plan in full. */
export async function details(caller: Caller, ticket: { run: number }, context: CommandContext): Promise<Answer> {
  const run = await context.runs.get(ticket.run)
  await guard(context, caller, 'view', run.environment)
  guardRate(context, caller)
  return { kind: 'open', view: detailsView(run) }
}
