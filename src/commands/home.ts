import type { HomeView } from '@slack/types'
import { openDeployDialog } from './deploy.ts'
import { openDiagnoseDialog } from './diagnose.ts'
import { type Answer, tell } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { environmentOf, personOf } from './guards.ts'
import { openLockDialog, unlock } from './lock.ts'
import { verify } from './verify.ts'
import { openRollbackDialog } from './rollback.ts'
import { beingVerified } from '../messages/answers/answers.ts'
import { homeActionIds, type HomeEnvironment, type HomeFacts, homeView, type LinkedRun } from '../messages/home/home.ts'
import { type Run, settledStatuses } from '../model/run.ts'
import { releasedIn } from '../model/current-release.ts'

const openStatuses = ['planning', 'awaiting_approval', 'executing', 'cancelling', 'failed'] as const

/** Gathers what App Home tells everybody. */
export async function homeFacts(context: CommandContext): Promise<HomeFacts> {
  const linked = (runs: readonly Run[]): Promise<readonly LinkedRun[]> =>
    Promise.all(runs.map(async (run) => ({ run, link: await context.linkTo(run.number) })))
  const [environments, open, finished] = await Promise.all([
    Promise.all(Object.keys(context.config.environments).map((name) => environmentFacts(name, context))),
    context.runs.list({ statuses: openStatuses, limit: 10 }).then(linked),
    context.runs.list({ statuses: settledStatuses, limit: 10 }).then(linked),
  ])
  return { service: context.config.service.name, environments, open, finished }
}

/** Renders App Home as this person may use it. */
export async function homeOf(user: string, facts: HomeFacts, context: CommandContext): Promise<HomeView> {
  const rights = await Promise.all(
    facts.environments.map(({ name, channel }) => personOf(context, { user, channel }, name)),
  )
  return homeView(
    facts,
    facts.environments.filter((_, index) => rights[index]?.mayDeploy).map(({ name }) => name),
  )
}

async function environmentFacts(name: string, context: CommandContext): Promise<HomeEnvironment> {
  const [lock, deploys, backups] = await Promise.all([
    context.locks.find(name),
    context.runs.list({ environment: name, kinds: ['deploy'], limit: 20 }),
    context.backups(name),
  ])
  return { name, channel: homeChannel(name, context), lock, release: releasedIn(deploys), backups }
}

/**
 * Returns the channel of a press in Home, which has none: the first one in which the environment's commands are taken.
 */
export function homeChannel(environment: string, context: CommandContext): string {
  return environmentOf(context, environment).policy.channels[0] ?? ''
}

/** What each button of Home does, one line each; the commands are the same as everywhere, with their guards. */
export const homePresses: Readonly<
  Record<string, (caller: Caller, environment: string, context: CommandContext) => Promise<Answer>>
> = {
  [homeActionIds.deploy]: (caller, environment, context) =>
    openDeployDialog(caller, { environment, dryRun: false }, context),
  [homeActionIds.verify]: async (caller, environment, context) => {
    const answer = await verify(caller, environment, context)
    return answer.kind === 'silent' ? tell(beingVerified(environment, caller.channel)) : answer
  },
  [homeActionIds.diagnose]: openDiagnoseDialog,
  [homeActionIds.rollBack]: async (caller, environment, context) => {
    const { by, unfinished } = releasedIn(await context.runs.list({ environment, kinds: ['deploy'], limit: 20 }))
    return openRollbackDialog(caller, (unfinished ?? by)?.number, context)
  },
  [homeActionIds.lock]: openLockDialog,
  [homeActionIds.unlock]: unlock,
}
