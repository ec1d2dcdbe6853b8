import { PurserError } from '../../errors.ts'
import type { PlannedBackup } from '../../model/deploy-plan.ts'
import type { PhaseContext } from '../phase.ts'

/**
 * Tells of the backups that a command of the team's own makes: the newest one as the command describes it now. It is only
 * for reading, and no look at it that fails keeps a plan from being made. Undefined where backups are dumps.
 */
export async function planBackup(context: PhaseContext): Promise<PlannedBackup | undefined> {
  const { environment, world, signal, records } = context
  const { command, maxAgeMinutes, by } = environment.backups
  if (by !== 'command' || command === undefined) return undefined
  const program = command.create.join(' ')
  const newest = (await records.keptBackups()).find((one) => one.by === 'command')
  if (newest === undefined) return { program, maxAgeMinutes, last: { none: 'yet' } }
  try {
    const found = await world.backups.find(newest.file, signal)
    if (found?.by !== 'command') return { program, maxAgeMinutes, last: { none: 'gone' } }
    const { file, finishedAt, bytes, proof } = found
    return { program, maxAgeMinutes, last: { file, run: newest.run, finishedAt, bytes, proof: proof ?? null } }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof PurserError)) throw error
    return { program, maxAgeMinutes, last: { unknown: error.message } }
  }
}
