import { nothingToPromote } from '../messages/answers/promote.ts'
import { releasedIn, releasingKinds } from '../model/current-release.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { deploy } from './deploy.ts'
import { command } from './grammar/row.ts'
import { environment, overrideFreeze } from './grammar/words.ts'
import { environmentOf, guard } from './guards.ts'
import { type Answer, tell } from './respond.ts'

export const promoteCommand = command('promote', {
  does: 'deploy what runs in the environment before',
  more: '`policy.after` names that environment. It is a deploy like any other, with a plan, an approval and the same checks.',
  may: 'deployers',
  approvals: 'approvals',
  answer: 'board',
  takes: { environment, overrideFreeze },
  examples: ['promote', 'promote production'],
  act: (caller, asked, context) => promote(caller, asked, context),
})

/** Carries out `/billing promote [ENV]`: the version that stands in the environment before is deployed. */
async function promote(
  caller: Caller,
  {
    environment,
    overrideFreeze: why,
  }: { readonly environment?: string | undefined; readonly overrideFreeze?: string | undefined },
  context: CommandContext,
): Promise<Answer> {
  const name = environment ?? context.config.defaultEnvironment
  await guard(context, caller, 'deploy', name)
  const { after } = environmentOf(context, name).policy
  if (after === undefined) return tell(nothingToPromote(name, undefined))
  const { by, version } = releasedIn(await context.runs.list({ environment: after, kinds: releasingKinds, limit: 20 }))
  if (by === undefined || version === undefined) return tell(nothingToPromote(name, after))
  const asked = { version, environment: name, dryRun: false, rotateSecret: false, overrideFreeze: why }
  return deploy(caller, asked, context)
}
