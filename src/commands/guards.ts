import type { EnvironmentConfig } from '../config/environment-schema.ts'
import { type ErrorFacts, PurserError } from '../errors.ts'
import { denialText } from '../messages/answers/not-allowed.ts'
import type { Denial } from '../model/denial.ts'
import { type Freeze, freezeAt } from '../model/freeze.ts'
import type { Lock } from '../model/lock.ts'
import type { Run } from '../model/run.ts'
import { listFor, type Permit, permit, permitApproval, permitHere, permitListed, type Right } from './authorise.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { listed } from './membership.ts'

const notAllowedCodes = [
  'not_allowed_channel',
  'not_allowed_right',
  'not_allowed_own_run',
  'not_allowed_foreign_lock',
  'not_allowed_unread_group',
  'not_allowed_not_member',
  'not_allowed_unread_channel',
  'not_allowed_workspace',
  'not_allowed_stranger',
  'not_allowed_guest',
  'not_allowed_bot',
  'not_allowed_deactivated',
  'not_allowed_unknown',
  'not_allowed_unseen',
] as const
type NotAllowedCode = (typeof notAllowedCodes)[number]

/** Raised by guards: the answer is the refusal, and the attempt goes into the audit. */
export class NotAllowed extends PurserError {
  readonly code: NotAllowedCode
  readonly denial: Denial

  constructor(denial: Denial) {
    super(denialText(denial))
    this.code = `not_allowed_${denial.reason}`
    this.denial = denial
  }
}

/** Raised while someone has closed the environment; the answer names who, since when, and why. */
export class Locked extends PurserError {
  readonly code = 'environment_locked'
  readonly lock: Lock

  constructor(lock: Lock) {
    super(`${lock.environment} is locked: ${lock.reason}`)
    this.lock = lock
  }
}

/** Raised in a freeze: no deploy begins and none is approved that does not say why it may. */
export class Frozen extends PurserError {
  readonly code = 'environment_frozen'
  readonly environment: string
  readonly freeze: Freeze
  readonly doing: 'deploy' | 'approve' | 'retry'

  constructor(environment: string, freeze: Freeze, doing: Frozen['doing']) {
    super(`${environment} is frozen until ${freeze.until.toISOString()}: ${freeze.name}`)
    this.environment = environment
    this.freeze = freeze
    this.doing = doing
  }
}

const refusalCodes = [
  'unknown_environment',
  'unknown_cronjob',
  'taken_back',
  'rollback_outdated',
  'not_frozen',
  'too_few_approvers',
] as const
type RefusalCode = (typeof refusalCodes)[number]

/** What was asked for makes no sense (any more), and nothing was begun. */
export class CommandRefused extends PurserError {
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string, facts?: ErrorFacts) {
    super(message, facts)
    this.code = code
  }
}

export function environmentOf(context: CommandContext, name: string): EnvironmentConfig {
  const environment = context.config.environments[name]
  if (environment === undefined)
    throw new CommandRefused('unknown_environment', `environment ${name} is no longer in purser.yaml`)
  return environment
}

/** Lists the environments whose commands are taken in this channel, the default one first. */
export function environmentsHere(context: CommandContext, { channel }: Caller): readonly string[] {
  const { environments, defaultEnvironment } = context.config
  const here = Object.keys(environments).filter((name) => environments[name]?.policy.channels.includes(channel))
  return here.toSorted((a, b) => Number(b === defaultEnvironment) - Number(a === defaultEnvironment))
}

/** Raises NotAllowed. Slack is asked only for the list that this right needs, and not before the place is right. */
export async function guard(context: CommandContext, caller: Caller, right: Right, environment: string): Promise<void> {
  const { policy } = environmentOf(context, environment)
  insist(permitHere(caller.channel, environment, policy))
  const list = listFor(right, policy)
  if (list !== undefined) insist(permit(caller, right, environment, policy, await listed(context, caller.user, list)))
}

/** The same for whoever wants to approve this run. Raises NotAllowed. */
export async function guardApproval(
  context: CommandContext,
  caller: Caller,
  run: Pick<Run, 'requestedBy' | 'environment'>,
): Promise<void> {
  const { policy } = environmentOf(context, run.environment)
  insist(permitHere(caller.channel, run.environment, policy))
  insist(permitApproval(caller, run, policy, await listed(context, caller.user, policy.approvers)))
}

/** Tells who of those that have approved the plan of this run may approve it now: the policy may be another one since. */
export async function entitledToApprove(context: CommandContext, run: Run): Promise<readonly string[]> {
  const { policy } = environmentOf(context, run.environment)
  const users = run.approvals.filter(({ planHash }) => planHash === run.planHash).map(({ user }) => user)
  // They have pressed where it was allowed, so the place is not asked again.
  const channel = policy.channels[0] ?? ''
  const verdicts = await Promise.all(
    users.map(async (user) =>
      permitApproval({ user, channel }, run, policy, await listed(context, user, policy.approvers)),
    ),
  )
  return users.filter((_, index) => verdicts[index]?.ok === true)
}

/** Tells whether somebody may do this in the environment, wherever they are. */
export async function permitAnywhere(
  context: CommandContext,
  user: string,
  right: Right,
  environment: string,
): Promise<Permit> {
  const { policy } = environmentOf(context, environment)
  const list = listFor(right, policy)
  return list === undefined ? { ok: true } : permitListed(right, environment, policy, await listed(context, user, list))
}

/**
 * The environments of this place in which the caller has the right, the default one first. Nobody else is told anything, not
 * even that there is nothing to tell. Raises NotAllowed.
 */
export async function guardSomewhere(
  context: CommandContext,
  caller: Caller,
  right: Right,
): Promise<readonly string[]> {
  const here = environmentsHere(context, caller)
  const verdicts = await Promise.all(
    here.map(async (name) => ({ name, verdict: await permitAnywhere(context, caller.user, right, name) })),
  )
  const allowed = verdicts.filter(({ verdict }) => verdict.ok).map(({ name }) => name)
  if (allowed.length > 0) return allowed
  for (const { verdict } of verdicts) insist(verdict)
  const { config } = context
  insist(
    permitHere(caller.channel, config.defaultEnvironment, environmentOf(context, config.defaultEnvironment).policy),
  )
  return here
}

/** A run that somebody names by its number: whether there is one is told only to people who may ask. Raises NotAllowed, UnknownRun. */
export async function guardRun(context: CommandContext, caller: Caller, right: Right, number: number): Promise<Run> {
  await guardSomewhere(context, caller, right)
  const run = await context.runs.get(number)
  await guard(context, caller, right, run.environment)
  return run
}

/** Raises TooManyLooks. Comes after the guard of the right: whoever may not look is told that. */
export function guardRate({ lookRate, now }: CommandContext, { user }: Caller): void {
  lookRate.take(user, now())
}

function insist(permit: Permit): void {
  if (!permit.ok) throw new NotAllowed(permit.denial)
}

/** Raises Locked when the environment is locked. */
export async function guardLock(context: CommandContext, environment: string): Promise<void> {
  const lock = await context.locks.find(environment)
  if (lock !== undefined) throw new Locked(lock)
}

/** The freeze of this moment; undefined when none is on. */
export function freezeOf(
  { config, now }: Pick<CommandContext, 'config' | 'now'>,
  environment: string,
): Freeze | undefined {
  const settings = config.environments[environment]
  return settings === undefined ? undefined : freezeAt(settings.policy.freezes, now(), settings.timeZone)
}

/** Raises Frozen while a freeze is on. */
export function guardFreeze(context: CommandContext, environment: string, doing: Frozen['doing']): void {
  const freeze = freezeOf(context, environment)
  if (freeze !== undefined) throw new Frozen(environment, freeze, doing)
}
