import { Cron } from 'croner'
import type { Run } from './run.ts'

/** A time in which nothing is deployed, as purser.yaml has it: again and again, or once. Local times of the environment. */
export type FreezeWindow =
  | { readonly name: string; readonly starts: string; readonly hours: number }
  | { readonly name: string; readonly from: string; readonly to: string }

/** A freeze that is on. */
export interface Freeze {
  readonly name: string
  readonly until: Date
}

const hourMs = 3_600_000
/** So many windows that touch each other are followed to their end. */
const mostJoined = 400

/**
 * Tells the freeze of this moment; undefined when none is on. Windows that touch or overlap are one: its end is when the last
 * of them ends, and its name that of the window which lasts longest. Pure.
 */
export function freezeAt(windows: readonly FreezeWindow[], at: Date, timeZone: string): Freeze | undefined {
  let joined = latest(windows, at, timeZone)
  for (let count = 0; joined !== undefined && count < mostJoined; count += 1) {
    const next = latest(windows, joined.until, timeZone)
    if (next === undefined || next.until.getTime() <= joined.until.getTime()) break
    joined = { name: joined.name, until: next.until }
  }
  return joined
}

/** Of the windows that are on at this moment, the one that ends last. */
function latest(windows: readonly FreezeWindow[], at: Date, timeZone: string): Freeze | undefined {
  return windows
    .flatMap((window) => {
      const until = endOf(window, at, timeZone)
      return until === undefined ? [] : [{ name: window.name, until }]
    })
    .sort((a, b) => b.until.getTime() - a.until.getTime())[0]
}

/** When the window ends, if it is on: from its start, up to its end and without it. */
function endOf(window: FreezeWindow, at: Date, timeZone: string): Date | undefined {
  if ('from' in window) {
    const [from, to] = [instant(window.from, timeZone), instant(window.to, timeZone)]
    return from !== undefined && to !== undefined && from <= at && at < to ? to : undefined
  }
  const lasts = window.hours * hourMs
  const cron = new Cron(window.starts, { timezone: timeZone })
  // A start on this very second is not before it.
  const [start] = cron.previousRuns(1, new Date(at.getTime() + 1_000))
  if (start === undefined || start.getTime() > at.getTime()) return undefined
  const until = new Date(start.getTime() + lasts)
  return at < until ? until : undefined
}

function instant(local: string, timeZone: string): Date | undefined {
  return new Cron(`${local}:00`, { timezone: timeZone }).nextRun(new Date(0)) ?? undefined
}

/** Tells whether a freeze stops the run, if one is on: what mends or only looks goes on, and so does what was asked for in spite of one. */
export function isFrozen({ kind, dryRun, freezeOverride }: Pick<Run, 'kind' | 'dryRun' | 'freezeOverride'>): boolean {
  return kind === 'deploy' && !dryRun && freezeOverride === undefined
}
