import type { MigrationLock } from '../port.ts'

export type Mode = MigrationLock['mode']

/** From the weakest to the strongest of those that are told: weaker ones keep neither readers nor writers waiting. */
const modes = [
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'EXCLUSIVE',
  'ACCESS EXCLUSIVE',
] as const satisfies readonly Mode[]

/** See https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES */
export const blockedBy = {
  'ACCESS EXCLUSIVE': 'reads and writes',
  EXCLUSIVE: 'writes',
  'SHARE ROW EXCLUSIVE': 'writes',
  SHARE: 'writes',
  'SHARE UPDATE EXCLUSIVE': 'only other schema changes',
} as const satisfies Record<Mode, MigrationLock['blocks']>

export function stronger(a: Mode, b: Mode): Mode {
  return modes.indexOf(a) >= modes.indexOf(b) ? a : b
}

/** The mode of `lock table … in … mode`, by its number in the server; undefined for one that is not told. */
export function modeOfNumber(number: number): Mode | undefined {
  return modes[number - 4]
}
