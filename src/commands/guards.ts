import type { EnvironmentConfig } from '../config/environment-schema.ts'
import { type ErrorFacts, PurserError } from '../errors.ts'
import { denialText } from '../messages/answers/not-allowed.ts'
import type { Denial } from '../model/denial.ts'
import type { Lock } from '../model/lock.ts'
import { permit, type Person, type Right } from './authorise.ts'
import type { Caller, CommandContext } from './command-context.ts'

const notAllowedCodes = [
  'not_allowed_channel',
  'not_allowed_right',
  'not_allowed_own_run',
  'not_allowed_foreign_lock',
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

const refusalCodes = ['unknown_environment', 'unknown_cronjob', 'taken_back', 'rollback_outdated'] as const
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
    throw new CommandRefused('unknown_environment', `there is no environment ${name} in purser.yaml any more`)
  return environment
}

/** Lists the environments whose commands are taken in this channel, the default one first. */
export function environmentsHere(context: CommandContext, { channel }: Caller): readonly string[] {
  const { environments, defaultEnvironment } = context.config
  const here = Object.keys(environments).filter((name) => environments[name]?.policy.channels.includes(channel))
  return here.toSorted((a, b) => Number(b === defaultEnvironment) - Number(a === defaultEnvironment))
}

/** Raises NotAllowed unless the caller has the right for the environment in this channel. */
export async function guard(context: CommandContext, caller: Caller, right: Right, environment: string): Promise<void> {
  const { policy } = environmentOf(context, environment)
  const verdict = permit(await personOf(context, caller, environment), right, environment, policy)
  if (!verdict.ok) throw new NotAllowed(verdict.denial)
}

/** Raises Locked when the environment is locked. */
export async function guardLock(context: CommandContext, environment: string): Promise<void> {
  const lock = await context.locks.find(environment)
  if (lock !== undefined) throw new Locked(lock)
}

export async function personOf(context: CommandContext, caller: Caller, environment: string): Promise<Person> {
  const { policy } = environmentOf(context, environment)
  const among = async (allowed: readonly string[]) => {
    if (allowed.includes(caller.user)) return true
    const groups = allowed.filter((id) => id.startsWith('S'))
    const members = await Promise.all(groups.map((group) => context.membersOf(group)))
    return members.flat().includes(caller.user)
  }
  const [mayDeploy, mayApprove] = await Promise.all([among(policy.deployers), among(policy.approvers)])
  return { ...caller, mayDeploy, mayApprove }
}
