import type { Logger } from 'pino'
import type { ModalView } from '@slack/types'
import type { EnvironmentConfig } from '../config/environment-schema.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import { PurserError } from '../errors.ts'
import { lockedRefusal } from '../messages/answers/lock.ts'
import type { Message } from '../messages/blocks/message.ts'
import { refusal } from '../messages/answers/answers.ts'
import { notAllowed } from '../messages/answers/not-allowed.ts'
import type { KeptBackup, KeptDatabase } from '../model/backup.ts'
import type { DeploymentSeen } from '../model/rollback-target.ts'
import type { LockStore } from '../store/locks.ts'
import type { Lock } from '../model/lock.ts'
import type { PhaseName, Run } from '../model/run.ts'
import type { KnownRelease, SchemaNow } from '../model/schema-compatibility.ts'
import type { Applied, RunStore } from '../store/runs.ts'
import { type Permit, permit, type Person, type Right } from './authorise.ts'

/** Who asks, and where. */
export interface Caller {
  readonly user: string
  readonly channel: string
}

export type Answer =
  /** The board or the thread tells. */
  | { readonly kind: 'silent' }
  /** Only the person who asked sees it. */
  | { readonly kind: 'tell'; readonly message: Message }
  /** Slack gives three seconds to open a dialog: what takes longer to know is filled in by `fill`. */
  | { readonly kind: 'open'; readonly view: ModalView; readonly fill?: () => Promise<ModalView> }

/** What commands are handed. */
export interface CommandContext {
  readonly runs: RunStore
  readonly locks: LockStore
  readonly config: PurserConfig
  readonly jobs: {
    enqueue(run: Run, phase: PhaseName): Promise<void>
    publish(run: number): Promise<void>
  }
  /** Members of a Slack user group. */
  readonly membersOf: (group: string) => Promise<readonly string[]>
  /** Tags of the service's repository, newest first. */
  readonly versions: () => Promise<readonly { readonly name: string; readonly createdAt: string }[]>
  /** Kept backups of an environment, newest first. */
  readonly backups: (environment: string) => Promise<readonly KeptBackup[]>
  /** Rows now of those of these tables (`schema.table`) that can be counted quickly. */
  readonly rowsNow: (
    environment: string,
    tables: readonly string[],
  ) => Promise<readonly { readonly table: string; readonly rows: number }[]>
  /** What the cluster says of the service's Deployment, masked; raises when it does not answer. Changes nothing. */
  readonly deployment: (environment: string, signal: AbortSignal) => Promise<DeploymentSeen>
  /** Databases that restores have left beside the live one; raises when the server does not answer. */
  readonly keptDatabases: (environment: string) => Promise<readonly KeptDatabase[]>
  /** How a backup of that name would come back: by a swap of names, in place, or not at all (raises); undefined: not known in time. */
  readonly wayOfRestore: (environment: string, file: string) => Promise<WayOfRestore | undefined>
  /** What is applied there and what is known of releases; undefined when the database does not answer in time. */
  readonly schema: (environment: string) => Promise<SchemaFacts | undefined>
  /** Says something in a channel that belongs to no run. Raises when Slack does not take it. */
  readonly announce: (channel: string, message: Message) => Promise<void>
  /** Of a run's board in Slack; undefined while there is none. */
  readonly linkTo: (run: number) => Promise<string | undefined>
  readonly now: () => Date
  readonly log: Logger
}

/** What tells whether a release can run on the schema as it is. */
interface SchemaFacts {
  readonly now: SchemaNow
  readonly releases: readonly KnownRelease[]
}

export type WayOfRestore =
  | { readonly kind: 'swap' }
  | { readonly kind: 'in-place'; readonly why: string }
  | { readonly kind: 'none'; readonly why: string }

export const silent: Answer = { kind: 'silent' }

export function tell(message: Message): Answer {
  return { kind: 'tell', message }
}

export function refuse(text: string, next?: string): Answer {
  return tell(refusal(text, next))
}

/** Raised by guards: the answer is the refusal, and the attempt goes into the audit. */
export class NotAllowed extends PurserError {
  readonly permit: Extract<Permit, { ok: false }>
  constructor(refused: Extract<Permit, { ok: false }>) {
    super(`not_allowed_${refused.reason}`, refused.text)
    this.permit = refused
  }
}

/** Raised while someone has closed the environment; the answer names who, since when, and why. */
class Locked extends PurserError {
  readonly lock: Lock
  constructor(lock: Lock) {
    super('environment_locked', `${lock.environment} is locked: ${lock.reason}`)
    this.lock = lock
  }
}

export function environmentOf(context: CommandContext, name: string): EnvironmentConfig {
  const environment = context.config.environments[name]
  if (environment === undefined)
    throw new PurserError('unknown_environment', `there is no environment ${name} in purser.yaml any more`)
  return environment
}

/** The environments whose commands are taken in this channel, the default one first. */
export function environmentsHere(context: CommandContext, { channel }: Caller): readonly string[] {
  const { environments, defaultEnvironment } = context.config
  const here = Object.keys(environments).filter((name) => environments[name]?.policy.channels.includes(channel))
  return here.toSorted((a, b) => Number(b === defaultEnvironment) - Number(a === defaultEnvironment))
}

/** Raises NotAllowed. */
export async function guard(context: CommandContext, caller: Caller, right: Right, environment: string): Promise<void> {
  const { policy } = environmentOf(context, environment)
  const verdict = permit(await personOf(context, caller, environment), right, environment, policy)
  if (!verdict.ok) throw new NotAllowed(verdict)
}

/** Raises Locked. */
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

/** After a stored change: the board is told, the next phase gets its job. */
export async function publishAndEnqueue(context: CommandContext, applied: Applied): Promise<void> {
  await context.jobs.publish(applied.run.number)
  if (applied.enqueue !== undefined) await context.jobs.enqueue(applied.run, applied.enqueue)
}

/** Runs a command; every refusal becomes one clear ephemeral answer, everything else is told and logged. */
export async function answering(
  context: CommandContext,
  caller: Caller,
  what: string,
  act: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof PurserError && !error.transient) {
      await noteRefusal(context, caller, `${what}: ${error.message}`)
      if (error instanceof NotAllowed) return tell(notAllowed(error.permit))
      if (error instanceof Locked) return tell(lockedRefusal(error.lock))
      return refuse(`${sentence(error.message)} Nothing was changed.`, error.hint)
    }
    context.log.error({ err: error, what }, 'command failed')
    return refuse(
      'Purser could not do that now; nothing was changed.',
      'Its database may be away: try again in a minute.',
    )
  }
}

/** The answer does not wait for a database that is away. */
async function noteRefusal(context: CommandContext, caller: Caller, text: string): Promise<void> {
  try {
    await context.runs.audit({ run: undefined, actor: caller.user, source: caller.channel, kind: 'refused', text })
  } catch (error) {
    context.log.error({ err: error, text }, 'a refusal could not be audited')
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}
