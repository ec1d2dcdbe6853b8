import type { Answer, Ask, Desk } from './desk.ts'
import { environmentOf, follow, guard, guardLock, NotAllowed, personOf, refuse, silent } from './desk.ts'
import { permitApproval } from './authorise.ts'
import { PurserError } from '../errors.ts'
import type { Run } from '../runs/model.ts'
import { guardUndo } from './rollback.ts'

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
  const applied = await desk.runs.apply(
    run.number,
    { type: 'approved', by: ask.user, planHash: ticket.plan ?? '' },
    { actor: ask.user, source: ask.channel },
    { posts: [{ kind: 'decision', user: ask.user, decision: 'approved' }] },
  )
  await follow(desk, applied)
  return silent
}

/** The Reject button. Whoever asked for the run may take it back too. */
export async function reject(ask: Ask, ticket: { run: number }, desk: Desk): Promise<Answer> {
  const run = await desk.runs.get(ticket.run)
  await guard(desk, ask, run.requestedBy === ask.user ? 'look' : 'approve', run.environment)
  const applied = await desk.runs.apply(
    run.number,
    { type: 'rejected', by: ask.user },
    { actor: ask.user, source: ask.channel },
    { posts: [{ kind: 'decision', user: ask.user, decision: 'rejected' }] },
  )
  await follow(desk, applied)
  return silent
}

/** `/billing retry [#N]` and the Retry phase button: the newest failed run when none is named. */
export async function retry(ask: Ask, asked: number | undefined, desk: Desk): Promise<Answer> {
  const run = asked === undefined ? await newestFailed(desk) : await desk.runs.get(asked)
  if (run === undefined)
    return refuse('No run has failed and waits for a decision.', '/billing status shows what there is.')
  await guard(desk, ask, 'deploy', run.environment)
  if (run.kind !== 'verify') await guardLock(desk, run.environment)
  if ((await desk.runs.effects(run.number)).some((effect) => effect.status === 'undone'))
    throw new PurserError('taken_back', `run #${run.number}: what it changed has been taken back, at least in part`, {
      hint: 'Finish the rollback, then deploy again.',
    })
  const applied = await desk.runs.apply(
    run.number,
    { type: 'retry', by: ask.user },
    { actor: ask.user, source: ask.channel },
    { posts: [{ kind: 'decision', user: ask.user, decision: 'retried' }] },
  )
  await follow(desk, applied)
  return silent
}

/** `/billing cancel [#N]` and the Cancel button: the newest run that is not finished when none is named. */
export async function cancel(ask: Ask, asked: number | undefined, desk: Desk): Promise<Answer> {
  const run = asked === undefined ? await newestOpen(desk) : await desk.runs.get(asked)
  if (run === undefined) return refuse('Nothing is running or waiting.', '/billing history shows finished runs.')
  await guard(desk, ask, 'deploy', run.environment)
  const applied = await desk.runs.apply(
    run.number,
    { type: 'cancel', by: ask.user },
    { actor: ask.user, source: ask.channel },
    { posts: [{ kind: 'decision', user: ask.user, decision: 'cancelled' }] },
  )
  await follow(desk, applied)
  return silent
}

/** Runs that change something: what people mean when they name no number. */
const changing = ['deploy', 'rollback', 'restore'] as const

async function newestFailed(desk: Desk): Promise<Run | undefined> {
  const failed = await desk.runs.list({ statuses: ['failed'], kinds: changing })
  return failed.find((run) => run.rolledBackBy === undefined)
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
  const applied = await desk.runs.apply(
    run.number,
    { type: 'leave', by: ask.user },
    { actor: ask.user, source: ask.channel },
    { posts: [{ kind: 'decision', user: ask.user, decision: 'left' }] },
  )
  await follow(desk, applied)
  return silent
}
