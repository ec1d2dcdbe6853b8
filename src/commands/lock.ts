import { inputs, lockView } from '../messages/dialogs/ask-dialogs.ts'
import { lockAnnouncement, lockedRefusal, unlockAnnouncement } from '../messages/answers/lock.ts'
import type { Message } from '../messages/blocks/message.ts'
import {
  type Answer,
  type Ask,
  type Desk,
  environmentOf,
  environmentsHere,
  guard,
  refuse,
  silent,
  tell,
} from './command-context.ts'
import { isReason } from './grammar.ts'
import { readPlace, type Submitted } from './submitted.ts'

/** `/billing lock REASON`: nothing may change the environment until it is unlocked, and everybody is told. */
export async function lock(
  ask: Ask,
  reason: string,
  desk: Desk,
  environment = desk.config.defaultEnvironment,
): Promise<Answer> {
  await guard(desk, ask, 'deploy', environment)
  const locked = await desk.locks.lock(environment, reason, ask.user, ask.channel)
  const standing = await desk.locks.find(environment)
  if (standing === undefined) return refuse(`${environment} was unlocked again at this moment.`, '/billing lock REASON')
  if (!locked) return tell(lockedRefusal(standing))
  return announced(environment, lockAnnouncement(standing), desk)
}

/** `/billing lock` without a reason: a dialog that asks for it. */
export async function askLock(ask: Ask, asked: string | undefined, desk: Desk): Promise<Answer> {
  const environment = asked ?? desk.config.defaultEnvironment
  await guard(desk, ask, 'deploy', environment)
  const others = environmentsHere(desk, ask).filter((one) => one !== environment)
  const metadata = JSON.stringify({ channel: ask.channel, environment })
  return { kind: 'open', view: lockView([environment, ...others], metadata) }
}

/** The dialog was confirmed: the same command, as if it had been typed. */
export async function confirmLock(dialog: Submitted, desk: Desk): Promise<Answer> {
  const { channel, environment } = readPlace(dialog.metadata)
  const reason = dialog.value(inputs.reason)?.trim() ?? ''
  if (!isReason(reason)) return refuse('Say why, in 3 to 300 letters: others will read it.', 'Nothing was changed.')
  return lock({ user: dialog.user, channel }, reason, desk, dialog.value(inputs.environment) ?? environment)
}

/** `/billing unlock [ENV]` */
export async function unlock(ask: Ask, asked: string | undefined, desk: Desk): Promise<Answer> {
  const environment = asked ?? desk.config.defaultEnvironment
  await guard(desk, ask, 'deploy', environment)
  const former = await desk.locks.find(environment)
  const unlocked = await desk.locks.unlock(environment, ask.user, ask.channel)
  if (former === undefined || !unlocked) return refuse(`${environment} was not locked. Nothing was changed.`)
  return announced(environment, unlockAnnouncement(former, ask.user), desk)
}

/** In every channel in which the environment's commands are taken; where Slack does not take it, its author is told. */
async function announced(environment: string, message: Message, desk: Desk): Promise<Answer> {
  const { channels } = environmentOf(desk, environment).policy
  const outcomes = await Promise.allSettled(channels.map((channel) => desk.announce(channel, message)))
  const failed = outcomes.flatMap((outcome, index) => (outcome.status === 'rejected' ? [channels[index] ?? ''] : []))
  if (failed.length === 0) return silent
  for (const it of outcomes) if (it.status === 'rejected') desk.log.warn({ err: it.reason }, 'announcing a lock')
  return refuse(
    `${message.text.replaceAll(/[*`]|:\w+: /g, '')}`,
    `Not everybody could be told: Slack did not take the message.`,
  )
}
