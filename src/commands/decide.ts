import { z } from 'zod'
import { inputs } from '../messages/dialogs/ask-dialogs.ts'
import { rejectView } from '../messages/dialogs/dialogs.ts'
import { nothingHasFailed, nothingToCancel } from '../messages/answers/refused.ts'
import { type Answer, publishAndEnqueue, silent, tell } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import type { Submitted } from './dialogs/submitted.ts'
import {
  CommandRefused,
  entitledToApprove,
  environmentOf,
  guard,
  guardApproval,
  guardFreeze,
  guardLock,
  guardRun,
  guardSomewhere,
} from './guards.ts'
import { approvalsNeeded } from '../jobs/approvals-needed.ts'
import { TransitionRefused } from '../model/errors.ts'
import { can, type RunEvent } from '../model/lifecycle.ts'
import { isFrozen } from '../model/freeze.ts'
import { isHeldByLock } from '../model/lock.ts'
import type { Run } from '../model/run.ts'
import type { ThreadPost } from '../model/post.ts'
import { neverPlanned, retryHelps } from '../model/retry-helps.ts'
import { guardUndo } from './rollback.ts'
import { command } from './grammar/row.ts'
import { run } from './grammar/words.ts'

export const retryCommand = command('retry', {
  does: 'run the failed phase again',
  may: 'deployers',
  answer: 'board',
  takes: { run: run('the latest that failed') },
  examples: ['retry', 'retry #42'],
  act: (caller, { run }, context) => retry(caller, run, context),
})

export const cancelCommand = command('cancel', {
  does: 'stop a run (changes so far stay)',
  may: 'deployers',
  answer: 'board',
  takes: { run: run('the latest that runs or waits for approval') },
  examples: ['cancel', 'cancel #42'],
  act: (caller, { run }, context) => cancel(caller, run, context),
})

type Decision = Extract<ThreadPost, { kind: 'decision' }>['decision']

/** Carries out the Approve button, bound to the plan that its presser saw. */
export async function approve(
  caller: Caller,
  ticket: { run: number; plan: string | undefined },
  context: CommandContext,
): Promise<Answer> {
  const run = await context.runs.get(ticket.run)
  await guardApproval(context, caller, run)
  if (isHeldByLock(run.kind)) await guardLock(context, run.environment)
  if (isFrozen(run)) guardFreeze(context, run.environment, 'approve')
  if (run.kind === 'rollback') await guardUndo(run, context)
  const undone = run.parent === undefined ? undefined : (await context.runs.get(run.parent)).kind
  const { policy } = environmentOf(context, run.environment)
  const needed = approvalsNeeded(run, policy, undone)
  const entitled = await entitledToApprove(context, run)
  const event = { type: 'approved', by: caller.user, planHash: ticket.plan ?? '', needed, entitled } as const
  return decide(caller, run, event, 'approved', context)
}

const RejectMetadata = z.object({ run: z.number().int().positive(), channel: z.string() })

/** Answers the Reject button by a dialog that asks why. Whoever asked for the run may take it back too. */
export async function openRejectDialog(
  caller: Caller,
  ticket: { run: number },
  context: CommandContext,
): Promise<Answer> {
  const run = await runToReject(caller, ticket.run, context)
  if (!can('rejected', run)) throw new TransitionRefused(run.number, { reason: 'wrong_status', status: run.status })
  const metadata = JSON.stringify({ run: run.number, channel: caller.channel })
  return { kind: 'open', view: rejectView(run, metadata) }
}

/** Carries out the confirmed dialog. */
export async function confirmReject(
  { user, metadata, value }: Pick<Submitted, 'user' | 'metadata' | 'value'>,
  context: CommandContext,
): Promise<Answer> {
  const { run: number, channel } = RejectMetadata.parse(JSON.parse(metadata))
  const caller = { user, channel }
  const run = await runToReject(caller, number, context)
  const typed = value(inputs.reason)?.trim() ?? ''
  return decide(caller, run, { type: 'rejected', by: user }, 'rejected', context, typed === '' ? undefined : typed)
}

async function runToReject(caller: Caller, number: number, context: CommandContext): Promise<Run> {
  const run = await context.runs.get(number)
  await guard(context, caller, run.requestedBy === caller.user ? 'view' : 'approve', run.environment)
  return run
}

/** Carries out `/billing retry [#N]` and the Retry phase button, for the newest failed run when none is named. */
export async function retry(caller: Caller, asked: number | undefined, context: CommandContext): Promise<Answer> {
  const environments = await guardSomewhere(context, caller, 'deploy')
  const run =
    asked === undefined ? await newestFailed(context, environments) : await guardRun(context, caller, 'deploy', asked)
  if (run === undefined) return tell(nothingHasFailed(environments))
  if (isHeldByLock(run.kind)) await guardLock(context, run.environment)
  if (isFrozen(run)) guardFreeze(context, run.environment, 'retry')
  if ((await context.runs.effects(run.number)).some((effect) => effect.status === 'undone'))
    throw new CommandRefused('taken_back', `run #${run.number} was rolled back, at least in part`, {
      hint: 'Finish the rollback, then start a new deploy.',
    })
  return decide(caller, run, { type: 'retry', by: caller.user }, 'retried', context)
}

/**
 * Carries out `/billing cancel [#N]` and the Cancel button, for the newest run that is not finished when none is named.
 */
export async function cancel(caller: Caller, asked: number | undefined, context: CommandContext): Promise<Answer> {
  const environments = await guardSomewhere(context, caller, 'deploy')
  const run =
    asked === undefined ? await newestOpen(context, environments) : await guardRun(context, caller, 'deploy', asked)
  if (run === undefined) return tell(nothingToCancel(environments))
  return decide(caller, run, { type: 'cancel', by: caller.user }, 'cancelled', context)
}

/** The kinds of runs that change something: people mean these when they name no number. */
const changing = ['deploy', 'rollback', 'restore', 'fix'] as const

async function newestFailed(context: CommandContext, environments: readonly string[]): Promise<Run | undefined> {
  const failed = await context.runs.list({ environments, statuses: ['failed'], kinds: changing })
  const open = failed.filter((run) => run.rolledBackBy === undefined && retryHelps(run))
  // A plan that could not be made waits for nobody as long as something else does.
  return open.find((run) => !neverPlanned(run)) ?? open[0]
}

async function newestOpen(context: CommandContext, environments: readonly string[]): Promise<Run | undefined> {
  const statuses = ['planning', 'awaiting_approval', 'executing'] as const
  const [first] = await context.runs.list({ environments, statuses, kinds: changing, limit: 1 })
  return first ?? (await context.runs.list({ environments, statuses, limit: 1 }))[0]
}

/** Carries out the Leave as is button: a failed run stays as it is. */
export async function leave(caller: Caller, ticket: { run: number }, context: CommandContext): Promise<Answer> {
  const run = await context.runs.get(ticket.run)
  await guard(context, caller, 'deploy', run.environment)
  return decide(caller, run, { type: 'leave', by: caller.user }, 'left', context)
}

/** Stores the decision, tells it in the thread, and lets the run go on as the lifecycle says. */
async function decide(
  caller: Caller,
  run: Run,
  event: RunEvent,
  decision: Decision,
  context: CommandContext,
  decisionReason?: string,
): Promise<Answer> {
  const why = decisionReason === undefined ? {} : { reason: decisionReason }
  const posts = [{ kind: 'decision' as const, user: caller.user, decision, ...why }]
  const who = { actor: caller.user, source: caller.channel }
  const alongside = { posts, decisionReason, request: context.request }
  await publishAndEnqueue(context, await context.runs.apply(run.number, event, who, alongside))
  return silent
}
