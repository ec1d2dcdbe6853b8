import type { WatchDecision } from '../model/run.ts'
import { permitApproval } from './authorise.ts'
import {
  type Answer,
  type Ask,
  type Desk,
  environmentOf,
  guard,
  NotAllowed,
  personOf,
  silent,
} from './command-context.ts'

type Ticket = { readonly run: number }

/** The Finish now button. It shortens what was approved, so it takes whoever may approve this run. */
export async function finishWatch(ask: Ask, ticket: Ticket, desk: Desk): Promise<Answer> {
  const run = await desk.runs.get(ticket.run)
  const { policy } = environmentOf(desk, run.environment)
  const verdict = permitApproval(await personOf(desk, ask, run.environment), run, policy)
  if (!verdict.ok) throw new NotAllowed(verdict)
  return decide(ask, ticket, 'finish', desk)
}

/** The Keep watching button: the watch goes on to its end, where the rules decide. */
export async function keepWatching(ask: Ask, ticket: Ticket, desk: Desk): Promise<Answer> {
  return decideAsApprover(ask, ticket, 'keep', desk)
}

/** The Stop watching button: the phase fails with what was seen. */
export async function stopWatching(ask: Ask, ticket: Ticket, desk: Desk): Promise<Answer> {
  return decideAsApprover(ask, ticket, 'stop', desk)
}

async function decideAsApprover(ask: Ask, ticket: Ticket, decision: WatchDecision, desk: Desk): Promise<Answer> {
  const run = await desk.runs.get(ticket.run)
  await guard(desk, ask, 'approve', run.environment)
  return decide(ask, ticket, decision, desk)
}

/** Stores the decision; the phase that watches reads it within a second. */
async function decide(ask: Ask, ticket: Ticket, decision: WatchDecision, desk: Desk): Promise<Answer> {
  await desk.runs.decideWatch(ticket.run, decision, { actor: ask.user, source: ask.channel })
  await desk.jobs.publish(ticket.run)
  return silent
}
