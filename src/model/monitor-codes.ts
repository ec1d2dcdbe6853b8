import type { Failure } from './run.ts'

/** How the phase `monitor` fails: the board, the thread and the calls for help depend on which of these it was. */
export const monitorCodes = ['monitor_breach', 'criteria_missed', 'monitor_inconclusive'] as const

/** Returns how the phase `monitor` failed; undefined when it failed for another reason. */
export function monitorCodeOf({ code }: Pick<Failure, 'code'>): (typeof monitorCodes)[number] | undefined {
  return monitorCodes.find((known) => known === code)
}
