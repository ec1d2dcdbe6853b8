import { inputs, lockView } from '../messages/ask-dialogs.ts'
import type { Answer, Ask, Desk } from './desk.ts'
import { environmentsHere, guard, refuse } from './desk.ts'
import { isReason } from './parse.ts'
import type { Submitted } from './submitted.ts'
import { readPlace } from './submitted.ts'

/** `/billing lock REASON`: nothing may change the environment until it is unlocked. */
export async function lock(
  ask: Ask,
  reason: string,
  desk: Desk,
  environment = desk.config.defaultEnvironment,
): Promise<Answer> {
  await guard(desk, ask, 'deploy', environment)
  const locked = await desk.locks.lock(environment, reason, ask.user, ask.channel)
  if (locked)
    return refuse(`${environment} is locked: ${reason}`, 'No run can start or be approved there until: /billing unlock')
  const standing = await desk.locks.find(environment)
  return refuse(`${environment} is locked already: ${standing?.reason ?? ''}`, 'Nothing was changed.')
}

/** `/billing lock` without a reason: a dialog that asks for it. */
export async function askLock(ask: Ask, asked: string | undefined, desk: Desk): Promise<Answer> {
  const environment = asked ?? desk.config.defaultEnvironment
  await guard(desk, ask, 'deploy', environment)
  const others = environmentsHere(desk, ask).filter((it) => it !== environment)
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
  const unlocked = await desk.locks.unlock(environment, ask.user, ask.channel)
  return refuse(unlocked ? `${environment} is unlocked.` : `${environment} was not locked. Nothing was changed.`)
}
