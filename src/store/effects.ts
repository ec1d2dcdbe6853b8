import type { Effect } from '../model/effects/effects.ts'
import type { Sql } from './database.ts'
import type { Fence } from './fence.ts'
import { effectOf, type EffectRow } from './rows.ts'

/** Reads every effect of a run, the oldest first. */
export async function effectsOf(sql: Sql, run: number): Promise<readonly Effect[]> {
  const { rows } = await sql.query<EffectRow>('select * from purser.effects where run = $1 order by id', [run])
  return rows.map(effectOf)
}

/** Gives a phase what it reads of effects, also of other runs. */
export function phaseEffects({ claim, read }: Fence) {
  return {
    effectsOf: (run: number): Promise<readonly Effect[]> => effectsOf(read, run),

    /**
     * Returns the newest deploy of the environment that succeeded so long ago that it cannot be rolled back any more,
     * or 0.
     */
    rollbackClosedUpTo: async (rollbackHours: number): Promise<number> => {
      const { rows } = await read.query<{ number: string | null }>(
        `select max(d.number) as number from purser.runs d join purser.runs r on r.environment = d.environment
         where r.number = $1 and d.number < $1 and d.kind = 'deploy' and not d.dry_run and d.status = 'succeeded'
           and d.finished_at < now() - make_interval(secs => $2)`,
        [claim.run, rollbackHours * 3_600],
      )
      return Number(rows[0]?.number ?? 0)
    },
  }
}
