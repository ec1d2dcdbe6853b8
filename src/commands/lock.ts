import type { Answer, Ask, Desk } from './desk.ts'
import { guard, refuse } from './desk.ts'

/** `/billing lock REASON`: nothing may change the environment until it is unlocked. */
export async function lock(ask: Ask, reason: string, desk: Desk): Promise<Answer> {
  const environment = desk.config.defaultEnvironment
  await guard(desk, ask, 'deploy', environment)
  const locked = await desk.locks.lock(environment, reason, ask.user, ask.channel)
  if (locked)
    return refuse(`${environment} is locked: ${reason}`, 'No run can start or be approved there until: /billing unlock')
  const standing = await desk.locks.find(environment)
  return refuse(`${environment} is locked already: ${standing?.reason ?? ''}`, 'Nothing was changed.')
}

/** `/billing unlock [ENV]` */
export async function unlock(ask: Ask, asked: string | undefined, desk: Desk): Promise<Answer> {
  const environment = asked ?? desk.config.defaultEnvironment
  await guard(desk, ask, 'deploy', environment)
  const unlocked = await desk.locks.unlock(environment, ask.user, ask.channel)
  return refuse(unlocked ? `${environment} is unlocked.` : `${environment} was not locked. Nothing was changed.`)
}
