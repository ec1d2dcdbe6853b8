import { lookUnderWay } from '../messages/answers/looks.ts'
import type { NewRun } from '../model/new-run.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { guardRate } from './guards.ts'
import { type Answer, onBoard, publishAndEnqueue, tell } from './respond.ts'

/**
 * Begins a verification or a diagnosis. One of a kind looks at an environment at a time: whoever asks meanwhile is led to it.
 * Raises TooManyLooks.
 */
export async function beginLook(caller: Caller, run: NewRun, context: CommandContext): Promise<Answer> {
  guardRate(context, caller)
  const begun = await context.runs.createLook(run, { request: context.request })
  if ('underWay' in begun) return tell(lookUnderWay(run, begun.underWay, await linkTo(begun.underWay, context)))
  await publishAndEnqueue(context, begun)
  return onBoard(begun.run)
}

/** The answer does not fail for want of a link. */
async function linkTo(run: number, context: CommandContext): Promise<string | undefined> {
  try {
    return await context.linkTo(run)
  } catch (error) {
    context.log.warn({ err: error, run }, 'linking to a board')
    return undefined
  }
}
