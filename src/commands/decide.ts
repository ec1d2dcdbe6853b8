import {
  type Answer,
  type Ask,
  type Desk,
  environmentOf,
  follow,
  guard,
  guardLock,
  NotAllowed,
  personOf,
  refuse,
  silent,
} from './command-context.ts'
import { permitApproval } from './authorise.ts'
import { PurserError } from '../errors.ts'
import type { RunEvent } from '../model/lifecycle.ts'
import { isReadOnly, type Run } from '../model/run.ts'
import type { ThreadPost } from '../model/post.ts'
import { neverPlanned, retryHelps } from '../model/retry-helps.ts'
import { guardUndo } from './rollback.ts'

type Decision = Extract<ThreadPost, { kind: 'decision' }>['decision']

/** The Approve button: bound to the plan that its presser saw. */
export async function approve(
  ask: Ask,
  ticket: { run: number; plan: string | undefined },
  desk: Desk,
): Promise<Answer> {
  const run = await desk.runs.get(ticket.run)
  const verdict = permitApproval(
    await personOf(desk, ask, run.environment),
    run,
    environmentOf(desk, run.environment).policy,
  )
  if (!verdict.ok) throw new NotAllowed(verdict)
  await guardLock(desk, run.environment)
  if (run.kind === 'rollback') await guardUndo(run, desk)
  return decide(ask, run, { type: 'approved', by: ask.user, planHash: ticket.plan ?? '' }, 'approved', desk)
}

/** The Reject button. Whoever asked for the run may take it back too. */
export async function reject(ask: Ask, ticket: { run: number }, desk: Desk): Promise<Answer> {
  const run = await desk.runs.get(ticket.run)
  await guard(desk, ask, run.requestedBy === ask.user ? 'look' : 'approve', run.environment)
  return decide(ask, run, { type: 'rejected', by: ask.user }, 'rejected', desk)
}

/** `/billing retry [#N]` and the Retry phase button: the newest failed run when none is named. */
export async function retry(ask: Ask, asked: number | undefined, desk: Desk): Promise<Answer> {
  const run = asked === undefined ? await newestFailed(desk) : await desk.runs.get(asked)
  if (run === undefined)
    return refuse('No run has failed and waits for a decision.', '/billing status shows what there is.')
  await guard(desk, ask, 'deploy', run.environment)
  if (!isReadOnly(run)) await guardLock(desk, run.environment)
  if ((await desk.runs.effects(run.number)).some((effect) => effect.status === 'undone'))
    throw new PurserError('taken_back', `run #${run.number}: what it changed has been taken back, at least in part`, {
      hint: 'Finish the rollback, then deploy again.',
    })
  return decide(ask, run, { type: 'retry', by: ask.user }, 'retried', desk)
}

/** `/billing cancel [#N]` and the Cancel button: the newest run that is not finished when none is named. */
export async function cancel(ask: Ask, asked: number | undefined, desk: Desk): Promise<Answer> {
  const run = asked === undefined ? await newestOpen(desk) : await desk.runs.get(asked)
  if (run === undefined) return refuse('Nothing is running or waiting.', '/billing history shows finished runs.')
  await guard(desk, ask, 'deploy', run.environment)
  return decide(ask, run, { type: 'cancel', by: ask.user }, 'cancelled', desk)
}

/** Runs that change something: what people mean when they name no number. */
const changing = ['deploy', 'rollback', 'restore', 'fix'] as const

async function newestFailed(desk: Desk): Promise<Run | undefined> {
  const failed = await desk.runs.list({ statuses: ['failed'], kinds: changing })
  const open = failed.filter((run) => run.rolledBackBy === undefined && retryHelps(run))
  // A plan that could not be made waits for nobody as long as something else does.
  return open.find((run) => !neverPlanned(run)) ?? open[0]
}

async function newestOpen(desk: Desk): Promise<Run | undefined> {
  const statuses = ['planning', 'awaiting_approval', 'executing'] as const
  const [first] = await desk.runs.list({ statuses, kinds: changing, limit: 1 })
  return first ?? (await desk.runs.list({ statuses, limit: 1 }))[0]
}

/** The Leave it button: a failed run stays as it is. */
export async function leave(ask: Ask, ticket: { run: number }, desk: Desk): Promise<Answer> {
  const run = await desk.runs.get(ticket.run)
  await guard(desk, ask, 'deploy', run.environment)
  return decide(ask, run, { type: 'leave', by: ask.user }, 'left', desk)
}

/** Stores the decision, tells it in the thread, and lets the run go on as the lifecycle says. */
async function decide(ask: Ask, run: Run, event: RunEvent, decision: Decision, desk: Desk): Promise<Answer> {
  const posts = [{ kind: 'decision' as const, user: ask.user, decision }]
  await follow(desk, await desk.runs.apply(run.number, event, { actor: ask.user, source: ask.channel }, { posts }))
  return silent
}
