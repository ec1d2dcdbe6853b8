import { statusMessage } from '../messages/answers/answers.ts'
import { frozenLine } from '../messages/answers/freeze.ts'
import { lockLine } from '../messages/answers/lock.ts'
import { refusedLine } from '../messages/answers/not-shown.ts'
import { isReadOnly } from '../model/kinds.ts'
import { type Answer, tell } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { freezeOf, guardRate, guardRun, guardSomewhere } from './guards.ts'
import { command } from './grammar/row.ts'
import { run } from './grammar/words.ts'

export const statusCommand = command('status', {
  does: 'show what is running or waiting',
  may: 'channel',
  answer: 'message',
  takes: { run: run('all open runs') },
  examples: ['status', 'status #42'],
  act: (caller, { run }, context) => status(caller, run, context),
})

/** Answers `/billing status [#N]`: what runs and what waits, or one run. */
export async function status(caller: Caller, asked: number | undefined, context: CommandContext): Promise<Answer> {
  if (asked !== undefined) {
    const run = await guardRun(context, caller, 'view', asked)
    guardRate(context, caller)
    return tell(statusMessage([run], context.now(), [run.environment]))
  }
  const environments = await guardSomewhere(context, caller, 'view')
  guardRate(context, caller)
  const statuses = ['planning', 'awaiting_approval', 'executing', 'cancelling', 'failed'] as const
  const open = await context.runs.list({ environments, statuses })
  // A verification or diagnosis that failed, and a plan that could not be made, wait for nobody.
  const waiting = open.filter((run) => run.status !== 'failed' || (!isReadOnly(run) && run.startedAt !== undefined))
  const locks = await context.locks.all()
  const closed = environments.flatMap((environment) => {
    const [lock, freeze] = [locks.get(environment), freezeOf(context, environment)]
    return [
      ...(lock === undefined ? [] : [`:lock: ${lockLine(lock)} (rollbacks still work)`]),
      ...(freeze === undefined ? [] : [`:snowflake: ${frozenLine(environment, freeze)}`]),
    ]
  })
  const refused = await context.refusedBySlack(environments)
  const above = [...closed, ...refused.map(({ run, refusal }) => refusedLine(run, refusal))]
  return tell(statusMessage(waiting, context.now(), environments, above))
}
