import { isReadOnly, type PhaseName, phaseSpec, type RunKind } from '../model/kinds.ts'

/*
 * Where the job of a phase waits, and for how long others let it pass. A phase that only waits for others (a watch, a
 * rollout) costs little, so many of them have a place; what keeps the machine busy (tests, dumps, restores) has few. A
 * rollback waits for neither: its phases never count as heavy.
 */

/** How many jobs of each sort one process does at once. */
export interface Places {
  /** Phases that run a version's tests, dump or restore. */
  readonly heavy: number
  /** Every other phase that plans or changes something. */
  readonly phases: number
  /** Phases of runs that only look. */
  readonly looks: number
  /** Releases that are being watched: each mostly waits for its next sample. */
  readonly watches: number
}

export type Room = keyof Places

interface Placed {
  readonly kind: RunKind
  readonly phase: PhaseName
}

export function roomOf({ kind, phase }: Placed): Room {
  if (isReadOnly({ kind })) return 'looks'
  const spec = phaseSpec(kind, phase)
  if (spec?.watches === true) return 'watches'
  return spec?.heavy === true ? 'heavy' : 'phases'
}

/** Smaller comes first; BullMQ takes a job without a number before all others, so everybody has one. */
export function priorityOf({ kind, phase }: Placed): number {
  if (kind === 'rollback') return 1
  // What people have decided on holds its environment; a plan holds nothing.
  if (!isReadOnly({ kind }) && phase !== 'plan') return 2
  return isReadOnly({ kind }) ? 4 : 3
}

/** How full a room is, by the phases that are at work in all processes. */
type AtWork = Readonly<Record<Room, number>>

export function atWork(running: readonly Placed[]): AtWork {
  const count: Record<Room, number> = { heavy: 0, phases: 0, looks: 0, watches: 0 }
  for (const phase of running) count[roomOf(phase)] += 1
  return count
}

/** Tells what a phase waits for that nobody has taken: the end of another one, or a worker. */
export function waitsFor(phase: Placed, busy: AtWork, places: Places): 'place' | 'worker' {
  const room = roomOf(phase)
  return busy[room] >= places[room] ? 'place' : 'worker'
}
