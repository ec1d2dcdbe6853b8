import { backupsMessage } from '../messages/dialogs/restore.ts'
import { type Answer, type Ask, type Desk, guard, tell } from './command-context.ts'

/** `/billing backups [ENV]`: what there is to go back to. */
export async function backups(ask: Ask, asked: string | undefined, desk: Desk): Promise<Answer> {
  const environment = asked ?? desk.config.defaultEnvironment
  await guard(desk, ask, 'look', environment)
  const [kept, databases] = await Promise.all([
    desk.backups(environment),
    desk.keptDatabases(environment).catch((error: unknown) => {
      desk.log.warn({ err: error }, 'looking for kept databases')
      return undefined
    }),
  ])
  return tell(backupsMessage(environment, kept, desk.now(), databases))
}
