import type { Cron } from 'croner'

/*
 * The times at which the CronJob controller starts a job. It starts none at a time that the change to summer time leaves
 * out (https://pkg.go.dev/github.com/robfig/cron/v3, "jobs scheduled during daylight-savings leap-ahead transitions will
 * not be run"); croner moves it to the end of the gap, where the schedule does not match.
 */

/** More than enough: a gap takes away one time of a schedule. */
const spare = 2

/** The next so many times after this one. */
export function startsAfter(cron: Cron, many: number, since: Date): readonly Date[] {
  return cron
    .nextRuns(many + spare, since)
    .filter((at) => cron.match(at))
    .slice(0, many)
}

/** The last so many times before this one, the latest first. */
export function startsBefore(cron: Cron, many: number, until: Date): readonly Date[] {
  return cron
    .previousRuns(many + spare, until)
    .filter((at) => cron.match(at))
    .slice(0, many)
}
