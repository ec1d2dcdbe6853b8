import type { WatchDecision } from '../../model/run.ts'
import { type Answer, silent } from '../respond.ts'
import type { Caller, CommandContext } from '../command-context.ts'
import { guard, guardApproval } from '../guards.ts'

type Ticket = { readonly run: number }

/** Carries out the Finish now button. It shortens what was approved, so it takes whoever may approve this run. */
export async function finishWatch(caller: Caller, ticket: Ticket, context: CommandContext): Promise<Answer> {
  const run = await context.runs.get(ticket.run)
  await guardApproval(context, caller, run)
  return decide(caller, ticket, 'finish', context)
}

/** Carries out the Keep watching button: the watch goes on to its end, where the rules decide. */
export async function keepWatching(caller: Caller, ticket: Ticket, context: CommandContext): Promise<Answer> {
  return decideAsApprover(caller, ticket, 'keep', context)
}

/** Carries out the Stop watching button: the phase fails with what was seen. */
export async function stopWatching(caller: Caller, ticket: Ticket, context: CommandContext): Promise<Answer> {
  return decideAsApprover(caller, ticket, 'stop', context)
}

async function decideAsApprover(
  caller: Caller,
  ticket: Ticket,
  decision: WatchDecision,
  context: CommandContext,
): Promise<Answer> {
  const run = await context.runs.get(ticket.run)
  await guard(context, caller, 'approve', run.environment)
  return decide(caller, ticket, decision, context)
}

/** Stores the decision; the phase that watches reads it within a second. */
async function decide(
  caller: Caller,
  ticket: Ticket,
  decision: WatchDecision,
  context: CommandContext,
): Promise<Answer> {
  await context.runs.decideWatch(ticket.run, decision, { actor: caller.user, source: caller.channel })
  await context.jobs.publish(ticket.run)
  return silent
}
