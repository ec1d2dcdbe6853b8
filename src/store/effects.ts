import type { Effect, EffectOf } from '../model/effects/effects.ts'
import type { Json } from '../model/json.ts'
import type { Run } from '../model/run.ts'
import type { Sql } from './database.ts'
import type { Fence } from './fence.ts'
import { effectOf, type EffectRow } from './rows.ts'

/** Reads every effect of a run, the oldest first. */
export async function effectsOf(sql: Sql, run: number): Promise<readonly Effect[]> {
  const { rows } = await sql.query<EffectRow>('select * from purser.effects where run = $1 order by id', [run])
  return rows.map(effectOf)
}

/** Gives a phase what it reads of effects, also of other runs. */
export function phaseEffects({ claim, environment, read }: Fence) {
  return {
    effectsOf: (run: number): Promise<readonly Effect[]> => effectsOf(read, run),

    effectsSince: async (run: number): Promise<readonly Effect[]> => {
      const { rows } = await read.query<EffectRow>(
        `select e.* from purser.effects e join purser.runs r on r.number = e.run
         where r.environment = $1 and e.run >= $2 and e.run < $3 order by e.id`,
        [environment, run, claim.run],
      )
      return rows.map(effectOf)
    },

    endpointEffects: async (since: Date): Promise<readonly EffectOf<'stripe-endpoint'>[]> => {
      const { rows } = await read.query<EffectRow>(
        `select e.* from purser.effects e join purser.runs r on r.number = e.run
         where r.environment = $1 and e.kind = 'stripe-endpoint' and (e.at >= $2 or e.settled_at >= $2) order by e.id`,
        [environment, since],
      )
      return rows.map(effectOf).filter((effect) => effect.kind === 'stripe-endpoint')
    },

    planOf: async (run: number): Promise<Run['plan']> => {
      const { rows } = await read.query<{ plan: Run['plan'] | null }>(
        'select plan from purser.runs where number = $1 and environment = $2',
        [run, environment],
      )
      return rows[0]?.plan ?? undefined
    },

    firstResultOf: async (step: string): Promise<Json | undefined> => {
      const { rows } = await read.query<{ result: Json }>(
        `select result from purser.steps where run = $1 and name = $2 and finished_at is not null
         order by finished_at limit 1`,
        [claim.run, step],
      )
      return rows[0]?.result
    },

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
