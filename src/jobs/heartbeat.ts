import { phaseLimitMinutes } from '../config/phase-limit.ts'
import { FencedOut, Stopped } from '../model/errors.ts'
import type { PhaseName } from '../model/kinds.ts'
import type { Run } from '../model/run.ts'
import type { Claim } from '../store/fence.ts'
import type { PhaseStore } from '../store/phases.ts'

/** The interval at which a worker says that it is alive. */
const heartbeatMs = 2_000
/** The time without contact to the state database after which a worker stops: soon another may take the phase. */
const lostContactMs = 6_000
/** Work that tells of its progress is stopped beyond its time limit when it has told of none for so long. */
const standstillMs = 300_000

export interface Heartbeat {
  readonly signal: AbortSignal
  /** The work has come further: the time limit waits for as long as that goes on. */
  readonly progressed: () => void
  stop(): void
}

/** Beats until stopped; its signal fires on cancel, fencing, lost contact, the time limit and shutdown. */
export function startHeartbeat(claim: Claim, run: Run, phases: PhaseStore, shutdown: AbortSignal): Heartbeat {
  const work = new AbortController()
  const limitMs = timeLimitMs(run, claim.phase)
  let heardAt = performance.now()
  const beat = async () => {
    try {
      const heard = await phases.heartbeat(claim)
      heardAt = performance.now()
      if (heard.cancelled) work.abort(cancelled())
    } catch (error) {
      if (error instanceof FencedOut) work.abort(new Stopped('fenced', error.message))
    }
  }
  const beating = setInterval(() => {
    if (performance.now() - heardAt > lostContactMs)
      work.abort(new Stopped('lost_contact', "the state database hasn't answered, so a different worker can take over"))
    void beat()
  }, heartbeatMs)
  const beganAt = performance.now()
  let progressedAt: number | undefined
  const atLimit = () => {
    const goesOnMs = progressedAt === undefined ? 0 : progressedAt + standstillMs - performance.now()
    if (goesOnMs > 0) limit = setTimeout(atLimit, goesOnMs)
    else work.abort(timeLimit(performance.now() - beganAt, progressedAt !== undefined))
  }
  let limit = setTimeout(atLimit, limitMs)
  // The run was cancelled between two phases, so nothing of this one may begin.
  if (run.status === 'cancelling') work.abort(cancelled())
  else void beat()
  return {
    signal: AbortSignal.any([work.signal, shutdown]),
    progressed: () => {
      progressedAt = performance.now()
    },
    stop: () => {
      clearInterval(beating)
      clearTimeout(limit)
    },
  }
}

function timeLimit(afterMs: number, toldOfProgress: boolean): Stopped {
  const hint = 'Look at what it was doing (above), then retry the phase or roll back.'
  const why = toldOfProgress ? `: no progress in the last ${standstillMs / 60_000} min` : ' without an end'
  return new Stopped('time_limit', `stopped after ${Math.round(afterMs / 60_000)} min${why}`, hint)
}

function cancelled(): Stopped {
  return new Stopped('cancelled', 'the run was cancelled')
}

function timeLimitMs(run: Run, phase: PhaseName): number {
  const budget = run.phases.find((one) => one.name === phase)?.budgetMinutes ?? 10
  return phaseLimitMinutes(budget) * 60_000
}
