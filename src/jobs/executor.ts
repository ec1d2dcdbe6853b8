import type { Logger } from 'pino'
import type { PurserConfig } from '../config/purser-yaml.ts'
import type { Phase, PhaseResult } from '../runbook/phase.ts'
import type { World } from '../runbook/world.ts'
import { whatServes } from '../runbook/rollout/serving.ts'
import { isReadOnly, type PhaseName, type RunKind } from '../model/kinds.ts'
import { Stopped } from '../model/errors.ts'
import { monitorCodeOf } from '../model/monitor-codes.ts'
import type { Run } from '../model/run.ts'
import type { Serving } from '../model/serving.ts'
import type { PhaseStore } from '../store/phases.ts'
import type { Claim } from '../store/fence.ts'
import type { ThreadPost } from '../model/post.ts'
import type { RunStore } from '../store/runs.ts'
import { StateTrouble } from '../store/trouble.ts'
import type { Alongside } from '../store/transitions.ts'
import type { RunEvent } from '../model/lifecycle.ts'
import { approvalsNeeded } from './approvals-needed.ts'
import { approversOf } from './approvers.ts'
import { logAuditHead } from './audit-head.ts'
import { backoffMs, failureOf, verdictOn } from './failures.ts'
import { type Heartbeat, startHeartbeat } from './heartbeat.ts'
import { contextFor } from './phase-context.ts'
import { RecordedSteps } from './recorded-steps.ts'
import type { TakenJob } from './queue-worker.ts'

/*
 * One job of a phase, from claim to end. The executor claims the phase, reports its heartbeat every two seconds, hands
 * the phase function its context, and stores what came of it. The signal fires on cancel, a newer epoch, lost contact
 * to the state database, the time limit, and shutdown; `verdictOn` alone decides what an error or a stop means.
 */

/** A job only says "look at this phase"; everything that counts is in the state database. */
export type PhaseJob = { readonly run: number; readonly phase: PhaseName; readonly attempt: number }

interface ExecutorDependencies {
  readonly runs: RunStore
  readonly phases: PhaseStore
  readonly config: PurserConfig
  readonly worldOf: (environment: string) => World
  /** Finds the function of a phase; undefined when this program's runbook has none. */
  readonly phaseOf: (kind: RunKind, name: PhaseName) => Phase | undefined
  /** Enqueues the phase's job. */
  readonly enqueue: (run: Run, phase: PhaseName) => Promise<void>
  /** Says that the run's board or thread has news. */
  readonly publish: (run: number) => Promise<void>
  readonly worker: string
  readonly log: Logger
}

/** The silence after which a worker is taken to be dead. */
export const staleMs = 8_000
const heldRetryMs = 2_000
/** The time for a look at what serves when a phase has failed. */
const servingLimitMs = 5_000

/**
 * Executes phases: claims, reports the heartbeat, keeps the time limit and stores what came of it in the state
 * database.
 */
export class PhaseExecutor {
  readonly #deps: ExecutorDependencies
  readonly #stopping = new AbortController()
  readonly #held = new Set<Claim>()

  constructor(deps: ExecutorDependencies) {
    this.#deps = deps
  }

  /** Makes phases under way stop and go back into the queue. */
  shutDown(): void {
    this.#stopping.abort(new Stopped('shutdown', 'this process is shutting down'))
  }

  /**
   * Gives back what phases that did not stop still hold: the process ends right after it, so that another may take them
   * up at once. Returns what was given back; raises when the state database does not take it.
   */
  async handOver(): Promise<readonly Claim[]> {
    const held = [...this.#held]
    await Promise.all(held.map((claim) => this.#deps.phases.release(claim)))
    return held
  }

  async handle(job: TakenJob<PhaseJob>): Promise<void> {
    if (this.#stopping.signal.aborted) return job.requeue()
    const { run, phase, attempt } = job.data
    const outcome = await this.#deps.phases.claim(run, phase, attempt, this.#deps.worker, staleMs)
    if (outcome.kind === 'settled') return
    if (outcome.kind === 'held') return job.defer(heldRetryMs)
    const { claim } = outcome
    this.#held.add(claim)
    try {
      await this.#deps.publish(run)
      await this.#execute(claim, job)
    } finally {
      this.#held.delete(claim)
    }
  }

  async #execute(claim: Claim, job: TakenJob<PhaseJob>): Promise<void> {
    const log = this.#deps.log.child({ run: claim.run, phase: claim.phase, epoch: claim.epoch })
    const run = await this.#deps.runs.get(claim.run)
    const heartbeat = startHeartbeat(claim, run, this.#deps.phases, this.#stopping.signal)
    try {
      heartbeat.signal.throwIfAborted()
      log.info('phase begins')
      const result = await this.#work(claim, run, heartbeat)
      heartbeat.signal.throwIfAborted()
      await this.#succeed(claim, run, result)
      log.info({ line: result.line }, 'phase succeeded')
    } catch (error) {
      log.warn({ err: error }, 'phase stopped')
      await this.#settle(claim, run, error, heartbeat.signal, job).catch((unsettled: unknown) => {
        if (!(unsettled instanceof StateTrouble)) throw unsettled
        return this.#wait(claim, job)
      })
    } finally {
      heartbeat.stop()
      await this.#deps.publish(claim.run)
    }
  }

  async #work(claim: Claim, run: Run, { signal, progressed }: Heartbeat): Promise<PhaseResult> {
    const phase = this.#deps.phaseOf(run.kind, claim.phase)
    const environment = this.#deps.config.environments[run.environment]
    if (phase === undefined || environment === undefined)
      throw new Error(`${claim.phase} in ${run.environment} isn't in Purser's runbook or configuration`)
    const steps = new RecordedSteps(claim, this.#deps.phases)
    const context = contextFor({
      claim,
      steps,
      run,
      environment,
      service: this.#deps.config.service,
      world: this.#deps.worldOf(run.environment),
      phases: this.#deps.phases,
      publish: this.#deps.publish,
      signal,
      progressed,
    })
    const result = await phase(context)
    await this.#tellForgotten(claim, await steps.neverAskedFor())
    return result
  }

  /**
   * Tells which finished steps this execution did not ask for: the phase was changed in between, and may have done them
   * twice.
   */
  async #tellForgotten(claim: Claim, names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    const text = `${claim.phase}: finished earlier in this attempt, and not asked for again: ${names.join(', ')}`
    this.#deps.log.warn({ run: claim.run, phase: claim.phase, steps: names }, 'recorded steps were not asked for again')
    await this.#deps.runs.audit({
      run: claim.run,
      actor: 'purser',
      source: claim.worker,
      kind: 'steps_forgotten',
      text,
    })
  }

  async #succeed(claim: Claim, run: Run, result: PhaseResult): Promise<void> {
    const planned = claim.phase === 'plan'
    await this.#finish(claim, planned ? { type: 'planned' } : { type: 'phase_succeeded', phase: claim.phase }, {
      line: result.line,
      ...(result.plan === undefined ? {} : { plan: result.plan }),
      ...(result.verification === undefined ? {} : { verification: result.verification }),
      ...(result.diagnosis === undefined ? {} : { diagnosis: result.diagnosis }),
      ...(planned ? this.#approvalOf(run) : {}),
      ...this.#lockAfter(run),
    })
  }

  /** The lock that a rollback leaves when it has succeeded, where the policy says so. */
  #lockAfter({ kind, environment, number, parent }: Run): Pick<Alongside, 'lock'> {
    const wanted = this.#deps.config.environments[environment]?.policy.lockAfterRollback ?? false
    if (kind !== 'rollback' || wanted === false) return {}
    return {
      lock: {
        reason: `after the rollback of run #${parent ?? '?'} by run #${number}`,
        hours: wanted === true ? undefined : wanted,
      },
    }
  }

  /** Says what goes along with a fresh plan: it is told in full, and the people who may approve it are called. */
  #approvalOf(run: Run): Alongside {
    const policy = this.#deps.config.environments[run.environment]?.policy
    if (policy === undefined) return {}
    const post: ThreadPost =
      run.dryRun || run.approvalsNeeded === 0
        ? { kind: 'plan' }
        : { kind: 'approval_request', approvers: approversOf(run, policy), withPlan: true }
    return {
      posts: [post],
      expiresInMinutes: policy.approvalExpiryMinutes,
      approvalsNeeded: approvalsNeeded(run, policy),
    }
  }

  async #settle(claim: Claim, run: Run, error: unknown, signal: AbortSignal, job: TakenJob<PhaseJob>): Promise<void> {
    const failure = failureOf(error, signal)
    switch (verdictOn(error, signal, run.phases.find((phase) => phase.name === claim.phase)?.transientFailures ?? 0)) {
      case 'fenced':
        return
      case 'cancelled':
        return this.#finish(claim, { type: 'stopped', phase: claim.phase }, { line: 'stopped' })
      case 'requeue':
        await this.#deps.phases.release(claim)
        this.#held.delete(claim)
        return job.requeue()
      case 'replan':
        return this.#finish(
          claim,
          { type: 'plan_outdated', phase: claim.phase },
          { failure, posts: [{ kind: 'replanned', phase: claim.phase, failure }] },
        )
      case 'wait':
        return this.#wait(claim, job)
      case 'retry':
        return this.#retry(claim, failure.message, job)
      case 'fail': {
        const serving = await this.#serving(claim, run)
        const told = serving === undefined ? failure : { ...failure, serving }
        return this.#finish(
          claim,
          { type: 'phase_failed', phase: claim.phase },
          { failure: told, line: failure.message, posts: [this.#failed(claim, run, failure)] },
        )
      }
    }
  }

  /** Whoever is called wants to know whether production is up. What cannot be seen within a few seconds is not told. */
  async #serving(claim: Claim, run: Run): Promise<Serving | undefined> {
    const { config, worldOf, log } = this.#deps
    const environment = config.environments[run.environment]
    if (environment === undefined || claim.phase === 'plan' || isReadOnly(run)) return undefined
    try {
      const signal = AbortSignal.timeout(servingLimitMs)
      return await whatServes(worldOf(run.environment), config.service, environment, run, signal)
    } catch (error) {
      log.info({ err: error, run: run.number }, 'looking what serves after a failure')
      return undefined
    }
  }

  #failed(claim: Claim, run: Run, failure: ReturnType<typeof failureOf>): ThreadPost {
    // The people on call were called by the breach, when it was seen.
    const told = monitorCodeOf(failure) === 'monitor_breach'
    const quiet = claim.phase === 'plan' || isReadOnly(run) || told
    const onCall = quiet ? undefined : this.#deps.config.environments[run.environment]?.contacts.onCall
    return { kind: 'failed', phase: claim.phase, failure, onCall }
  }

  async #retry(claim: Claim, message: string, job: TakenJob<PhaseJob>): Promise<void> {
    const current = await this.#deps.runs.get(claim.run)
    const pause = backoffMs(current.phases.find((phase) => phase.name === claim.phase)?.transientFailures ?? 0)
    await this.#deps.phases.recordTransientFailure(claim, `${message} – trying again in ${pause / 1000} s`, pause)
    await this.#deps.publish(claim.run)
    return job.defer(pause)
  }

  /** Gives the phase back, if that can be stored. Otherwise its silence says so a few seconds later. */
  async #wait(claim: Claim, job: TakenJob<PhaseJob>): Promise<void> {
    await this.#deps.phases.release(claim).catch((error: unknown) => {
      this.#deps.log.warn({ err: error, run: claim.run, phase: claim.phase }, 'giving a phase back')
    })
    return job.defer(heldRetryMs)
  }

  async #finish(claim: Claim, event: RunEvent, alongside: Alongside): Promise<void> {
    const applied = await this.#deps.phases.finish(claim, event, alongside)
    logAuditHead(applied, this.#deps.log)
    await this.#deps.publish(claim.run)
    if (applied.run.parent !== undefined) await this.#deps.publish(applied.run.parent)
    if (applied.enqueue !== undefined) await this.#deps.enqueue(applied.run, applied.enqueue)
  }
}
