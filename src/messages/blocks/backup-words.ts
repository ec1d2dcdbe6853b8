import type { KeptBackup } from '../../model/backup.ts'
import type { RestoredTable } from '../../model/restore-plan.ts'
import { duration } from '../../text.ts'
import { words } from './message.ts'

/* What is said of a backup wherever it is told of: in the list, in the dialog of a restore and in its plan. */

/** A command's backup is known by its description only. */
export const uncounted = "Nobody counted the rows of this backup. What's lost is unknown."

/** Says for each table that differs how many rows it has now and in the backup; nothing where all counts are the same. */
export function differences(tables: readonly RestoredTable[]): readonly string[] {
  return tables.flatMap(({ table, inBackup, now }) => {
    if (now === undefined) return [`${table}: gone, or too large to count (${inBackup} in the backup)`]
    if (now === inBackup) return []
    const change = now > inBackup ? `${now - inBackup} more` : `${inBackup - now} fewer`
    return [`${table}: ${now} now, ${inBackup} in the backup (${change} now)`]
  })
}

/** How a backup comes back: its restore test is part of the downtime only where the data is restored in place. */
type Strategy = 'swap' | 'in-place' | 'none'

/** Says how a backup was proven, and how long that took. */
export function proofOf(
  backup: Pick<KeptBackup, 'by' | 'proof' | 'restoreMs' | 'untried' | 'restoredWithout'>,
  strategy: Strategy | undefined,
): string {
  if (backup.by === 'command')
    return backup.proof === undefined ? '*Not proven.*' : `Proven by its command: ${words(backup.proof, 200)}.`
  if (backup.restoreMs === undefined)
    return `*Never restore-tested* (${words(backup.untried ?? 'reason unknown', 200)}). Duration unknown.`
  const when = { swap: ', before the downtime', 'in-place': ', part of the downtime', none: '' }
  return `Restore-tested: ${duration(backup.restoreMs)}${withoutWords(backup)}${strategy === undefined ? '' : when[strategy]}.`
}

export function withoutWords({ restoredWithout: what }: Pick<KeptBackup, 'restoredWithout'>): string {
  return what === undefined ? '' : `, without ${words(what, 200)}`
}
