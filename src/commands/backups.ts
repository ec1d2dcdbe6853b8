import { backupsMessage } from '../messages/restore.ts'
import type { Answer, Ask, Desk } from './desk.ts'
import { guard, tell } from './desk.ts'

/** `/billing backups [ENV]`: what there is to go back to. */
export async function backups(ask: Ask, asked: string | undefined, desk: Desk): Promise<Answer> {
  const environment = asked ?? desk.config.defaultEnvironment
  await guard(desk, ask, 'look', environment)
  return tell(backupsMessage(environment, await desk.backups(environment), desk.now()))
}
