import { newRun } from '../model/new-run.ts'
import { beginLook } from './looks.ts'
import type { Answer } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { guard } from './guards.ts'
import { command } from './grammar/row.ts'
import { environment } from './grammar/words.ts'

export const verifyCommand = command('verify', {
  does: 'check counts and state (changes nothing)',
  more: 'It counts what the runbook counts and checks the billing invariants. Then it checks the Deployment, its health, the Stripe endpoint, the webhook, the CronJobs and the logs. Each is compared with the last verification.',
  may: 'channel',
  answer: 'board',
  takes: { environment },
  examples: ['verify', 'verify staging'],
  act: (caller, { environment }, context) => verify(caller, environment, context),
})

/** Carries out `/billing verify [ENV]`: counts and state, as a run of its own beside whatever else runs. */
export async function verify(
  caller: Caller,
  environment: string | undefined,
  context: CommandContext,
): Promise<Answer> {
  const name = environment ?? context.config.defaultEnvironment
  await guard(context, caller, 'view', name)
  const run = newRun('verify', {
    service: context.config.service.name,
    environment: name,
    requestedBy: caller.user,
    channel: caller.channel,
  })
  return beginLook(caller, run, context)
}

/** Carries out the Run again button of a verification by a new one; the old board stays as it was found. */
export async function runAgain(caller: Caller, ticket: { run: number }, context: CommandContext): Promise<Answer> {
  const run = await context.runs.get(ticket.run)
  return verify(caller, run.environment, context)
}
