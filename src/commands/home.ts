import type { HomeView } from '@slack/types'
import { askDeploy } from './deploy.ts'
import { askDiagnose } from './diagnose.ts'
import { type Answer, type Ask, type Desk, environmentOf, personOf, tell } from './command-context.ts'
import { askLock, unlock } from './lock.ts'
import { verify } from './look.ts'
import { askRollback } from './rollback.ts'
import { homeAnswer } from '../messages/answers/answers.ts'
import { homeActionIds, type HomeEnvironment, type HomeFacts, homeView, type LinkedRun } from '../messages/home/home.ts'
import { type Run, settledStatuses } from '../model/run.ts'
import { releasedIn } from '../model/current-release.ts'

const openStatuses = ['planning', 'awaiting_approval', 'executing', 'cancelling', 'failed'] as const

/** What App Home tells everybody. */
export async function homeFacts(desk: Desk): Promise<HomeFacts> {
  const linked = (runs: readonly Run[]): Promise<readonly LinkedRun[]> =>
    Promise.all(runs.map(async (run) => ({ run, link: await desk.linkTo(run.number) })))
  const [environments, open, finished] = await Promise.all([
    Promise.all(Object.keys(desk.config.environments).map((name) => environmentFacts(name, desk))),
    desk.runs.list({ statuses: openStatuses, limit: 10 }).then(linked),
    desk.runs.list({ statuses: settledStatuses, limit: 10 }).then(linked),
  ])
  return { service: desk.config.service.name, environments, open, finished }
}

/** App Home as this person may use it. */
export async function homeOf(user: string, facts: HomeFacts, desk: Desk): Promise<HomeView> {
  const rights = await Promise.all(
    facts.environments.map(({ name, channel }) => personOf(desk, { user, channel }, name)),
  )
  return homeView(
    facts,
    facts.environments.filter((_, index) => rights[index]?.mayDeploy).map(({ name }) => name),
  )
}

async function environmentFacts(name: string, desk: Desk): Promise<HomeEnvironment> {
  const [lock, deploys, backups] = await Promise.all([
    desk.locks.find(name),
    desk.runs.list({ environment: name, kinds: ['deploy'], limit: 20 }),
    desk.backups(name),
  ])
  return { name, channel: homeChannel(name, desk), lock, release: releasedIn(deploys), backups }
}

/** Home belongs to no channel: what is pressed there acts in the first one in which the environment's commands are taken. */
export function homeChannel(environment: string, desk: Desk): string {
  return environmentOf(desk, environment).policy.channels[0] ?? ''
}

/** One line for each button of Home; the commands are the same as everywhere, with their guards. */
export const homePresses: Readonly<Record<string, (ask: Ask, environment: string, desk: Desk) => Promise<Answer>>> = {
  [homeActionIds.deploy]: (ask, environment, desk) => askDeploy(ask, { environment, dryRun: false }, desk),
  [homeActionIds.verify]: async (ask, environment, desk) => {
    const answer = await verify(ask, environment, desk)
    return answer.kind === 'silent' ? tell(homeAnswer(`${environment} is being verified.`, ask.channel)) : answer
  },
  [homeActionIds.diagnose]: askDiagnose,
  [homeActionIds.rollBack]: async (ask, environment, desk) => {
    const { by, unfinished } = releasedIn(await desk.runs.list({ environment, kinds: ['deploy'], limit: 20 }))
    return askRollback(ask, (unfinished ?? by)?.number, desk)
  },
  [homeActionIds.lock]: askLock,
  [homeActionIds.unlock]: unlock,
}
