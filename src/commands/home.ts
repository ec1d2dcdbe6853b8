import type { HomeView } from '@slack/types'
import { openDeployDialog } from './deploy.ts'
import { openDiagnoseDialog } from './diagnose.ts'
import { type Answer, tell } from './respond.ts'
import { admitPerson } from './caller.ts'
import type { Caller, CommandContext, StaleList } from './command-context.ts'
import { environmentOf, freezeOf, NotAllowed, permitAnywhere } from './guards.ts'
import { openLockDialog, unlock } from './lock.ts'
import { type Place, placeIn } from './membership.ts'
import { verify } from './verify.ts'
import { openRollbackDialog } from './rollback.ts'
import { words } from '../messages/blocks/message.ts'
import { beingVerified } from '../messages/answers/answers.ts'
import { listsCounted } from '../messages/answers/looks.ts'
import { denialText, notAllowed } from '../messages/answers/not-allowed.ts'
import {
  type EnvironmentFacts,
  homeActionIds,
  homeOfNobody,
  type HomeEnvironment,
  homeView,
  type LinkedRun,
} from '../messages/home/home.ts'
import type { Denial } from '../model/denial.ts'
import { isReadOnly } from '../model/kinds.ts'
import { neverPlanned } from '../model/retry-helps.ts'
import { type Run, settledStatuses } from '../model/run.ts'
import { watchChoices } from '../model/watch.ts'
import { releasedIn, releasingKinds } from '../model/current-release.ts'

const openStatuses = ['planning', 'awaiting_approval', 'executing', 'cancelling', 'failed'] as const

/** Everything that App Home may tell somebody. */
interface HomeFacts {
  readonly service: string
  readonly environments: readonly EnvironmentFacts[]
}

/** What App Home tells, gathered once for all who watch it; each sees what they may. One query for each sort of fact. */
export async function homeFacts(context: CommandContext): Promise<HomeFacts> {
  const { config, runs, locks } = context
  const names = Object.keys(config.environments)
  const [locked, releasing, backups, open, finished] = await Promise.all([
    locks.all(),
    runs.newestOfEach(names, { kinds: releasingKinds, limit: 20 }),
    context.newestBackups(names),
    runs.newestOfEach(names, { statuses: openStatuses, limit: 10 }),
    runs.newestOfEach(names, { statuses: settledStatuses, limit: 10 }),
  ])
  const links = await context.linksTo([...open.values(), ...finished.values()].flat().map(({ number }) => number))
  const linked = (found: readonly Run[] = []): readonly LinkedRun[] =>
    found.map((run) => ({ run, link: links.get(run.number) }))
  const environments = names.map((name) => ({
    name,
    lock: locked.get(name),
    freeze: freezeOf(context, name),
    release: releasedIn(releasing.get(name) ?? []),
    backups: backups.get(name) ?? { newest: undefined, count: 0 },
    open: linked(open.get(name)),
    finished: linked(finished.get(name)),
  }))
  return { service: config.service.name, environments }
}

/** App Home as this person may see and use it. */
export async function homeOf(user: string, facts: HomeFacts, context: CommandContext): Promise<HomeView> {
  const staleLists: StaleList[] = []
  const noting = { ...context, staleLists }
  try {
    await admitPerson(user, noting)
  } catch (error) {
    if (error instanceof NotAllowed) return homeOfNobody(notAllowed(error.denial))
    throw error
  }
  const seen = await Promise.all(facts.environments.map((one) => environmentFor(user, one, noting)))
  return homeView({
    service: facts.service,
    environments: seen.flatMap(({ environment }) => environment ?? []),
    notes: [...new Set([...seen.flatMap(({ unread }) => unread ?? []), ...listsCounted(staleLists, context.now())])],
  })
}

/** What somebody sees of an environment: all of it with the buttons that would not be refused, or nothing. */
interface Seen {
  readonly environment?: HomeEnvironment
  /** What could not be found out, and hides a part of it. */
  readonly unread?: string
}

async function environmentFor(user: string, facts: EnvironmentFacts, context: CommandContext): Promise<Seen> {
  const { name } = facts
  const { policy } = environmentOf(context, name)
  const mayView = await permitAnywhere(context, user, 'view', name)
  if (!mayView.ok) return unreadIn(mayView.denial)
  const place = await placeIn(context, user, policy.channels)
  const { channel } = place
  if (channel === undefined && policy.viewers === undefined) return unreadIn(notInside(name, policy.channels, place))
  const mayDeploy = await permitAnywhere(context, user, 'deploy', name)
  const mayApprove = await permitAnywhere(context, user, 'approve', name)
  const may = { deploy: mayDeploy.ok, approve: mayApprove.ok, approveOwn: policy.selfApproval }
  const environment = {
    ...facts,
    channel,
    channels: policy.channels,
    mayDeploy: channel !== undefined && mayDeploy.ok,
    waitsForYou: facts.open.filter(({ run }) => waitsFor(user, run, may)).map(({ run }) => run.number),
  }
  return { environment, ...(mayDeploy.ok ? {} : unreadIn(mayDeploy.denial)) }
}

/** Tells whether a run waits for a decision that this person can take: about a plan, a failure, or what monitoring found. */
function waitsFor(
  user: string,
  run: Run,
  may: { readonly deploy: boolean; readonly approve: boolean; readonly approveOwn: boolean },
): boolean {
  if (run.status === 'failed')
    return may.deploy && !isReadOnly(run) && !neverPlanned(run) && run.rolledBackBy === undefined
  if (run.status !== 'awaiting_approval') return may.approve && watchChoices(run).includes('keep')
  const isDone = run.approvals.some((one) => one.user === user && one.planHash === run.planHash)
  return may.approve && !isDone && (may.approveOwn || run.requestedBy !== user)
}

function unreadIn(denial: Denial): Seen {
  const unread = denial.reason === 'unread_group' || denial.reason === 'unread_channel'
  return unread ? { unread: words(denialText(denial), 500) } : {}
}

/**
 * Home belongs to no channel: what is pressed there acts in the first channel of the environment in which the person is. Raises
 * NotAllowed.
 */
export async function homeCaller(user: string, environment: string, context: CommandContext): Promise<Caller> {
  const { channels } = environmentOf(context, environment).policy
  const place = await placeIn(context, user, channels)
  if (place.channel === undefined) throw new NotAllowed(notInside(environment, channels, place))
  return { user, channel: place.channel }
}

function notInside(environment: string, channels: readonly string[], { unread }: Place): Denial {
  return unread === undefined
    ? { reason: 'not_member', environment, channels }
    : { reason: 'unread_channel', environment, channels, why: unread }
}

/** What each button of Home does, one line each; the commands are the same as everywhere, with their guards. */
export const homePresses: Readonly<
  Record<string, (caller: Caller, environment: string, context: CommandContext) => Promise<Answer>>
> = {
  [homeActionIds.deploy]: (caller, environment, context) =>
    openDeployDialog(caller, { environment, dryRun: false }, context),
  [homeActionIds.verify]: async (caller, environment, context) => {
    const answer = await verify(caller, environment, context)
    return answer.kind === 'board' ? tell(beingVerified(environment, caller.channel)) : answer
  },
  [homeActionIds.diagnose]: openDiagnoseDialog,
  [homeActionIds.rollBack]: async (caller, environment, context) => {
    const { by, unfinished } = releasedIn(await context.runs.list({ environment, kinds: releasingKinds, limit: 20 }))
    return openRollbackDialog(caller, (unfinished ?? by)?.number, context)
  },
  [homeActionIds.lock]: openLockDialog,
  [homeActionIds.unlock]: unlock,
}
