import { lockNotUnderstood, noReasonGiven, unlockedMeanwhile, wasNotLocked } from '../messages/answers/refused.ts'
import { inputs, lockView } from '../messages/dialogs/ask-dialogs.ts'
import { lockAnnouncement, lockedRefusal, lockEnded, unlockAnnouncement } from '../messages/answers/lock.ts'
import { announced } from './announce.ts'
import { type Answer, tell, wrongField } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import type { Lock } from '../model/lock.ts'
import { environmentOf, guard, NotAllowed, permitAnywhere } from './guards.ts'
import { command } from './grammar/row.ts'
import { endProblem, readLockWords } from './grammar/lock-time.ts'
import { environment, isReason, lockWords } from './grammar/words.ts'
import { placeOf, readPlace, type Submitted } from './dialogs/submitted.ts'

export const lockCommand = command('lock', {
  does: 'block deploys, restores, fixes and retries in the default environment (rollbacks still work)',
  more: 'Every channel of the environment is told. Running runs continue, and `verify`, `plan` and `status` work ([more](operating.md#lock)). The dialog can lock a different environment too.',
  may: 'deployers',
  answer: 'announcement',
  takes: { lockWords },
  examples: ['lock', 'lock closing the books', 'lock until 18:00 closing the books', 'lock for 2h incident'],
  act: (caller, { lockWords = '' }, context) => lock(caller, lockWords, context),
})

export const unlockCommand = command('unlock', {
  does: 'unlock an environment',
  may: 'deployers and approvers',
  answer: 'announcement',
  takes: { environment },
  examples: ['unlock', 'unlock staging'],
  act: (caller, { environment }, context) => unlock(caller, environment, context),
})

/**
 * Carries out `/billing lock`: until it is unlocked, or until its time is over, nothing changes the environment but runs under way
 * and rollbacks. Everybody is told. Without a reason a dialog asks for it.
 */
export async function lock(
  caller: Caller,
  typed: string,
  context: CommandContext,
  environment = context.config.defaultEnvironment,
): Promise<Answer> {
  await guard(context, caller, 'deploy', environment)
  const { policy, timeZone } = environmentOf(context, environment)
  const read = readLockWords(typed, context.now(), timeZone)
  if (!read.ok) return tell(lockNotUnderstood(read.problem))
  const { reason, until } = read
  if (reason === undefined) return openLockDialog(caller, undefined, context, typed.trim())
  const { user: by, channel: source } = caller
  const { locked, ended } = await context.locks.lock({ environment, reason, by, source, until })
  if (ended !== undefined) await announced(policy.channels, lockEnded(ended), context)
  const held = await context.locks.find(environment)
  if (held === undefined) return tell(unlockedMeanwhile(environment))
  if (!locked) return tell(lockedRefusal(held))
  return announced(policy.channels, lockAnnouncement(held), context)
}

/** Answers `/billing lock` without a reason by a dialog that asks for it. `ends` is the end that was typed, if one was. */
export async function openLockDialog(
  caller: Caller,
  asked: string | undefined,
  context: CommandContext,
  ends = '',
): Promise<Answer> {
  const { environments, metadata } = await placeOf(caller, 'deploy', asked, context)
  return { kind: 'open', view: lockView(environments, metadata, ends) }
}

/** Carries out the confirmed dialog as if the command had been typed. */
export async function confirmLock(dialog: Submitted, context: CommandContext): Promise<Answer> {
  const { channel, environment } = readPlace(dialog.metadata)
  const reason = dialog.value(inputs.reason)?.trim() ?? ''
  const ends = dialog.value(inputs.lockEnds)?.trim() ?? ''
  if (!isReason(reason)) return wrongField(inputs.reason, noReasonGiven)
  if (ends !== '' && !/^(until|for)\s/i.test(ends))
    return wrongField(inputs.lockEnds, 'Begin with “until” or “for”, as in “for 2h”.')
  const chosen = dialog.value(inputs.environment) ?? environment
  const problem = ends === '' ? undefined : endProblem(ends, context.now(), environmentOf(context, chosen).timeZone)
  if (problem !== undefined) return wrongField(inputs.lockEnds, problem)
  return lock({ user: dialog.user, channel }, `${ends} ${reason}`, context, chosen)
}

/** Carries out `/billing unlock [ENV]`. */
export async function unlock(caller: Caller, asked: string | undefined, context: CommandContext): Promise<Answer> {
  const environment = asked ?? context.config.defaultEnvironment
  const former = await context.locks.find(environment)
  await guardUnlock(caller, environment, former, context)
  const unlocked = await context.locks.unlock(environment, caller.user, caller.channel)
  if (former === undefined || !unlocked) return tell(wasNotLocked(environment))
  return announced(
    environmentOf(context, environment).policy.channels,
    unlockAnnouncement(former, caller.user),
    context,
  )
}

/** Raises NotAllowed. Whoever closed an environment opens it; so does an approver, or a deployer where the policy says so. */
async function guardUnlock(
  caller: Caller,
  environment: string,
  lock: Lock | undefined,
  context: CommandContext,
): Promise<void> {
  await guard(context, caller, 'view', environment)
  const { policy } = environmentOf(context, environment)
  const foreign = lock !== undefined && lock.lockedBy !== caller.user && policy.unlock === 'approvers'
  const mayDeploy = await permitAnywhere(context, caller.user, 'deploy', environment)
  if (mayDeploy.ok && !foreign) return
  const mayApprove = await permitAnywhere(context, caller.user, 'approve', environment)
  if (mayApprove.ok) return
  if (!mayDeploy.ok) throw new NotAllowed(mayDeploy.denial)
  if (!foreign || mayApprove.denial.reason !== 'right') throw new NotAllowed(mayApprove.denial)
  const ask = [...new Set([lock.lockedBy, ...policy.approvers])]
  throw new NotAllowed({ reason: 'foreign_lock', environment, by: lock.lockedBy, ask })
}
