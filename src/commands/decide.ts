import type { Answer, Ask, Desk } from './desk.ts'
import { environmentOf, follow, guard, guardLock, NotAllowed, personOf, refuse, silent } from './desk.ts'
import { permitApproval } from './authorise.ts'

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
  const run =
    asked === undefined ? (await desk.runs.list({ statuses: ['failed'], limit: 1 }))[0] : await desk.runs.get(asked)
  if (run === undefined)
    return refuse('No run has failed and waits for a decision.', '/billing status shows what there is.')
  await guard(desk, ask, 'deploy', run.environment)
  if (run.kind !== 'verify') await guardLock(desk, run.environment)
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
  const open = ['planning', 'awaiting_approval', 'executing'] as const
  const run = asked === undefined ? (await desk.runs.list({ statuses: open, limit: 1 }))[0] : await desk.runs.get(asked)
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
