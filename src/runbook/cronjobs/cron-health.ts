import { Cron } from 'croner'
import type { CronJobState } from '../../adapters/kubernetes/cron-jobs/port.ts'
import type { Verdict } from '../../model/run.ts'
import { startsAfter, startsBefore } from './schedule-times.ts'
import type { WantedRest } from './wanted-rest.ts'

export type CronFacts = Pick<
  CronJobState,
  | 'schedule'
  | 'timeZone'
  | 'startingDeadlineSeconds'
  | 'suspended'
  | 'createdAt'
  | 'lastScheduleTime'
  | 'lastSuccessfulTime'
  | 'active'
>

interface Health {
  readonly verdict: Verdict
  readonly value: string
}

/** The controller stops counting missed starts here, and without `startingDeadlineSeconds` starts nothing any more. */
const manyMissed = 100

/**
 * Judges whether the CronJob does what its manifest wants: rests, or keeps to its schedule, so that its last success is
 * not older than two periods. Pure.
 */
export function cronHealth(job: CronFacts, now: Date, wanted: WantedRest): Health {
  const zone = job.timeZone === undefined ? '' : ` ${job.timeZone}`
  const told = (verdict: Verdict, words: string): Health => ({ verdict, value: `${job.schedule}${zone}: ${words}` })
  const last = `last success ${moment(job.lastSuccessfulTime, now)}`
  if (job.suspended && !wanted.known)
    return told('unknown', `suspended, ${last}. Couldn't check its manifest: ${wanted.why}`)
  const rests = wanted.known && wanted.suspended
  if (job.suspended)
    return rests ? told('pass', `suspended by its manifest, ${last}`) : told('fail', `suspended, ${last}`)
  if (rests) return told('fail', `active, but its manifest suspends it, ${last}`)
  const pattern = patternOf(job)
  if (pattern === undefined) return told('unknown', 'this schedule cannot be read')
  const [latest, before] = startsBefore(pattern, 2, now)
  const [next] = startsAfter(pattern, 1, now)
  const upcoming = next === undefined ? 'no next run' : `next at ${clock(next, now)}`
  const success = dateOf(job.lastSuccessfulTime)
  if (latest === undefined || before === undefined) return told('unknown', 'this schedule has no past runs to compare')
  if (success !== undefined && success >= before)
    return told('pass', `last success ${clock(success, now)}, ${upcoming}`)
  const created = dateOf(job.createdAt)
  if (success === undefined && created !== undefined && created > latest)
    return told('warn', `first run not due yet, ${upcoming}`)
  if (success === undefined && created !== undefined && created > before && job.active > 0)
    return told('warn', 'its first run is under way')
  return told('fail', overdue(job, pattern, success ?? created, now))
}

/** Words what is overdue: "no success since 10:40 UTC, 3 runs were due; none was started since 10:45 UTC". */
function overdue(job: CronFacts, pattern: Cron, since: Date | undefined, now: Date): string {
  const ever =
    job.lastSuccessfulTime === undefined ? 'never succeeded' : `no success since ${moment(job.lastSuccessfulTime, now)}`
  const due = since === undefined ? [] : startsAfter(pattern, manyMissed + 1, since).filter((at) => at <= now)
  const many = due.length > manyMissed
  const missed =
    since === undefined
      ? ''
      : `, ${many ? `more than ${manyMissed}` : due.length} ${due.length === 1 ? 'run was' : 'runs were'} due`
  const started = dateOf(job.lastScheduleTime)
  const [latest] = startsBefore(pattern, 1, now)
  if (started !== undefined && latest !== undefined && started >= latest)
    return `${ever}${missed}. The last one started at ${clock(started, now)}`
  const givenUp =
    many && job.startingDeadlineSeconds === undefined
      ? '. With so many missed, the controller may start none: set startingDeadlineSeconds, or apply it again'
      : ''
  return `${ever}${missed}. None started ${started === undefined ? 'at all' : `since ${clock(started, now)}`}${givenUp}`
}

/**
 * Reads a schedule as the controller does: five fields or a nickname, day of month *or* day of week, UTC by default.
 */
function patternOf({ schedule, timeZone = 'UTC' }: CronFacts): Cron | undefined {
  try {
    // The controller takes a question mark for a star; croner would put the present moment there.
    return new Cron(schedule.replaceAll('?', '*'), { timezone: timeZone, paused: true, domAndDow: false })
  } catch {
    return undefined
  }
}

function dateOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text)
}

function moment(text: string | undefined, now: Date): string {
  return text === undefined ? 'never' : clock(new Date(text), now)
}

/** Writes a time as "11:20 UTC", with the day when it is another one. */
function clock(at: Date, now: Date): string {
  const iso = at.toISOString()
  return `${iso.slice(0, 10) === now.toISOString().slice(0, 10) ? '' : `${iso.slice(0, 10)} `}${iso.slice(11, 16)} UTC`
}
