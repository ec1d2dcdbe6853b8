import type { Logger } from 'pino'
import type { PurserConfig } from '../config/purser-yaml.ts'
import type { EnvironmentConfig } from '../config/environment-schema.ts'
import { TransitionRefused } from '../model/errors.ts'
import { freezeAt, isFrozen } from '../model/freeze.ts'
import { isHeldByLock, type Lock } from '../model/lock.ts'
import type { LockStore } from '../store/locks.ts'
import { approversOf } from './approvers.ts'
import type { Applied, RunStore } from '../store/runs.ts'
import { logAuditHead } from './audit-head.ts'
import type { Sweeps, WantedPhase } from '../store/due-work.ts'
import { staleMs } from './executor.ts'
import { atWork, type Places, waitsFor } from './places.ts'

interface ReconcilerDependencies {
  readonly runs: RunStore
  readonly sweeps: Sweeps
  readonly locks: LockStore
  readonly config: PurserConfig
  readonly enqueue: (wanted: WantedPhase) => Promise<void>
  readonly publish: (run: number) => Promise<void>
  /** Begins the rollbacks that were decided on while a release was watched. */
  readonly beginWantedRollbacks: () => Promise<void>
  /** Drops the database that a restore prepared, if it is there. */
  readonly discardPrepared: (run: number, environment: string) => Promise<void>
  /** Says in the channels of its environment that a lock has ended; a message that Slack does not take is lost. */
  readonly tellLockEnded: (lock: Lock) => Promise<void>
  /** How many places this process has; others are taken to have as many. */
  readonly places: Places
  readonly log: Logger
}

const who = { actor: 'purser', source: 'reconciler' }

/**
 * Makes the queue agree with the state database: phases that are wanted get a job again, plans nobody approved expire,
 * boards that lag are published, what abandoned restores prepared is dropped. It may run anywhere, at any time, and
 * twice.
 */
export async function reconcile(deps: ReconcilerDependencies): Promise<void> {
  const { runs, sweeps, log } = deps
  for (const wanted of await sweeps.wantedPhases(staleMs)) {
    if (wanted.epoch > 0) log.info({ ...wanted }, 'taking up a phase again')
    await deps.enqueue(wanted)
  }
  await noteWaiting(deps)
  for (const run of await sweeps.expired())
    await unlessSettled(runs.apply(run, { type: 'expired' }, who, { line: 'nobody approved in time' }), log)
  for (const { run, phase } of await sweeps.idleCancellations())
    await unlessSettled(runs.apply(run, { type: 'stopped', phase }, who), log)
  const { environments } = deps.config
  await sweeps.rollbackButtonsPast(ofEach(environments, ({ policy }) => policy.rollbackButtonHours))
  const waits = ofEach(environments, ({ policy }) => policy.approvalExpiryMinutes)
  for (const { run, environment } of await sweeps.halfWaited(waits)) {
    const settings = environments[environment]
    if (settings !== undefined) await remind(deps, run, settings)
  }
  for (const lock of await deps.locks.clearEnded()) await deps.tellLockEnded(lock)
  await deps.beginWantedRollbacks()
  for (const run of await sweeps.unpublished()) await deps.publish(run)
  for (const { run, environment } of await sweeps.abandonedRestores()) {
    try {
      await deps.discardPrepared(run, environment)
      await sweeps.cleanedUp(run)
    } catch (error) {
      log.warn({ err: error, run }, 'dropping what an abandoned restore prepared')
    }
  }
}

function ofEach(
  environments: PurserConfig['environments'],
  what: (environment: EnvironmentConfig) => number,
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(environments).map(([name, environment]) => [name, what(environment)]))
}

/** The time after which a board says that its phase waits: a free worker takes a job at once. */
const patienceMs = 4_000

/** Notes what the phases wait for that nobody has taken. */
async function noteWaiting({ sweeps, places }: ReconcilerDependencies): Promise<void> {
  const { waiting, running } = await sweeps.waitingPhases(patienceMs, staleMs)
  const busy = atWork(running)
  for (const phase of waiting) {
    const now = waitsFor(phase, busy, places)
    if (now !== phase.waitsFor) await sweeps.noteWaiting(phase, now)
  }
}

/** Reminds those who may approve and have not. While they would be refused they are not called: it is done once they can. */
async function remind(
  { runs, sweeps, locks }: ReconcilerDependencies,
  number: number,
  { policy, timeZone }: Pick<EnvironmentConfig, 'policy' | 'timeZone'>,
): Promise<void> {
  const run = await runs.get(number)
  const frozen = isFrozen(run) && freezeAt(policy.freezes, new Date(), timeZone) !== undefined
  const locked = isHeldByLock(run.kind) && (await locks.find(run.environment)) !== undefined
  if (frozen || locked) return
  const given = run.approvals.filter(({ decision, planHash }) => decision === 'approved' && planHash === run.planHash)
  const asked = approversOf(run, policy).filter((approver) => !given.some(({ user }) => user === approver))
  await sweeps.remind(run, asked)
}

/** Passes over a change that somebody else was faster with: that is what compare-and-set is for. */
async function unlessSettled(change: Promise<Applied>, log: Logger): Promise<void> {
  try {
    logAuditHead(await change, log)
  } catch (error) {
    if (!(error instanceof TransitionRefused && error.code === 'wrong_status')) throw error
  }
}
