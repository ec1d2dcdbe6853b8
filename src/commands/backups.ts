import { backupsMessage } from '../messages/answers/backups.ts'
import { type Answer, tell } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { guard, guardRate } from './guards.ts'
import { command } from './grammar/row.ts'
import { environment } from './grammar/words.ts'

export const backupsCommand = command('backups', {
  does: 'list backups, and how long restoring one takes',
  may: 'channel',
  answer: 'message',
  takes: { environment },
  examples: ['backups', 'backups staging'],
  act: (caller, { environment }, context) => backups(caller, environment, context),
})

/** Answers `/billing backups [ENV]`: what there is to go back to. */
export async function backups(caller: Caller, asked: string | undefined, context: CommandContext): Promise<Answer> {
  const environment = asked ?? context.config.defaultEnvironment
  await guard(context, caller, 'view', environment)
  guardRate(context, caller)
  const [kept, databases] = await Promise.all([
    context.backups(environment),
    context.keptDatabases(environment).catch((error: unknown) => {
      context.log.warn({ err: error }, 'looking for kept databases')
      return undefined
    }),
  ])
  return tell(backupsMessage(environment, kept, context.now(), databases))
}
