import { elapsed, type PhaseState, type Run } from '../../model/run.ts'
import type { PhaseDurations } from '../../model/phase-durations.ts'
import { chapters } from '../blocks/chapters.ts'
import { duration } from '../../text.ts'
import { localTime } from '../blocks/marks.ts'

/**
 * Estimates what is left of the phases to come, in milliseconds: as long as they usually take here, else their budget.
 */
function timeLeft(run: Run, now: Date, pace: PhaseDurations): number {
  return chapters(run)
    .filter((phase) => phase.status !== 'succeeded')
    .reduce((sum, phase) => sum + Math.max(0, usual(phase, pace) - (elapsed(phase, now) ?? 0)), 0)
}

/** Words when the run is done: "done around 14:35", an estimate without past runs. Empty when every phase has used its time up. */
export function eta(run: Run, now: Date, pace: PhaseDurations): string {
  const left = timeLeft(run, now, pace)
  if (left <= 0) return ''
  const open = chapters(run).filter((phase) => phase.status !== 'succeeded')
  const known = open.every((phase) => pace[phase.name] !== undefined)
  return `done around ${localTime(new Date(now.getTime() + left))}${known ? '' : ' (estimate)'}`
}

/** The milliseconds by which a phase must be late before it is told; less is what its last look takes. */
const worthTelling = 10_000

/** Words how late a phase is: ", 2m 10s over budget" or ", longer than usual (4m)"; empty while it is in time. */
export function lateness(phase: PhaseState, now: Date, pace: PhaseDurations): string {
  const took = elapsed(phase, now)
  if (took === undefined) return ''
  const budget = phase.budgetMinutes * 60_000
  if (budget > 0 && took >= budget + worthTelling) return `, ${duration(took - budget)} over budget`
  const past = pace[phase.name]
  return past !== undefined && took > past * 1.5 + 15_000 ? `, longer than usual (${duration(past)})` : ''
}

function usual(phase: PhaseState, pace: PhaseDurations): number {
  return pace[phase.name] ?? phase.budgetMinutes * 60_000
}
