import { historyMessage, runHistoryMessage } from '../messages/answers/answers.ts'
import { type Answer, tell } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { guardRate, guardRun, guardSomewhere } from './guards.ts'
import { command } from './grammar/row.ts'
import { run } from './grammar/words.ts'

export const historyCommand = command('history', {
  does: 'list the latest runs, or everything that happened in one',
  may: 'channel',
  answer: 'message',
  takes: { run: run('the latest ten') },
  examples: ['history', 'history #42'],
  act: (caller, { run }, context) => history(caller, run, context),
})

/** Answers `/billing history [#N]`: the finished runs, or every event of one. */
export async function history(caller: Caller, asked: number | undefined, context: CommandContext): Promise<Answer> {
  if (asked !== undefined) {
    const run = await guardRun(context, caller, 'view', asked)
    guardRate(context, caller)
    return tell(runHistoryMessage(run, await context.runs.events(asked)))
  }
  const environments = await guardSomewhere(context, caller, 'view')
  guardRate(context, caller)
  return tell(historyMessage(await context.runs.list({ environments, limit: 10 }), context.now(), environments))
}
