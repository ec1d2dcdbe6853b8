import type { RefusedProbe } from '../model/refused-probe.ts'
import type { MetricSample, Verification } from '../model/run.ts'
import type { Sql } from './database.ts'
import type { Fence } from './fence.ts'

/** Reads the numbers that were sampled while the run was watched, the oldest first. */
export async function samplesOf(sql: Sql, run: number): Promise<readonly MetricSample[]> {
  const { rows } = await sql.query<{ metric: string; at: Date; value: number }>(
    `select metric, at, value from purser.samples where run = $1 and stage = 'watching' order by at, metric`,
    [run],
  )
  return rows
}

/** Gives a phase what it writes and reads of monitored numbers and of earlier verifications. */
export function phaseSamples({ claim, read, write }: Fence) {
  return {
    samples: async (since: Date): Promise<readonly MetricSample[]> =>
      (await samplesOf(read, claim.run)).filter((sample) => sample.at >= since),

    /** Stores samples. Those of the stage `before` come from before the rollout; the watch compares with them. */
    recordSamples: (samples: readonly MetricSample[], stage: 'before' | 'watching' = 'watching'): Promise<void> =>
      write(async (sql) => {
        for (const { metric, at, value } of samples)
          await sql.query(
            `insert into purser.samples (run, metric, at, value, stage) values ($1, $2, $3, $4, $5) on conflict do nothing`,
            [claim.run, metric, at, value, stage],
          )
      }),

    /** Reads the last verification of the run's environment, by whichever run; undefined when there was none. */
    formerVerification: async (): Promise<Verification | undefined> => {
      const { rows } = await read.query<{ verification: Verification }>(
        `select r.verification from purser.runs r join purser.runs own on own.number = $1
         where r.environment = own.environment and r.service = own.service and r.number <> own.number and r.verification is not null
         order by r.verification ->> 'at' desc limit 1`,
        [claim.run],
      )
      return rows[0]?.verification
    },

    /** Notes that a test event is about to be posted that the service must refuse. It comes first: services log refusals at once. */
    announceTestEvent: (): Promise<void> =>
      write(async (sql) => {
        await sql.query(
          `delete from purser.test_events t using purser.runs own where own.number = $1
             and t.environment = own.environment and t.service = own.service and t.posted_at < now() - interval '1 day'`,
          [claim.run],
        )
        await sql.query(
          'insert into purser.test_events (environment, service) select environment, service from purser.runs where number = $1',
          [claim.run],
        )
      }),

    /** Reads when test events were posted since then that the service had to refuse, by any run of the environment. */
    testEventsSince: async (since: Date): Promise<readonly Date[]> => {
      const { rows } = await read.query<{ posted_at: Date }>(
        `select t.posted_at from purser.test_events t join purser.runs own on own.number = $1
           and t.environment = own.environment and t.service = own.service
         where t.posted_at > $2`,
        [claim.run, since],
      )
      return rows.map(({ posted_at: at }) => at)
    },

    /** Tells whether a phase or a diagnosis of this environment has seen since then that the service takes what it must refuse. */
    sawUnchecked: async (since: Date): Promise<boolean> => {
      const { rows } = await read.query(
        `select from purser.runs r join purser.runs own on own.number = $1
         where r.environment = own.environment and r.service = own.service and (
           exists (select from purser.phases p
             where p.run = r.number and p.failure ->> 'code' = 'unsigned_accepted' and p.finished_at > $2)
           or ((r.diagnosis ->> 'at')::timestamptz > $2
             and r.diagnosis -> 'causes' @> '[{"code": "signatures_unchecked"}]'))
         limit 1`,
        [claim.run, since],
      )
      return rows.length > 0
    },

    /** Reads the test events that the service had to refuse since then: a step or a check of a run has told them. */
    refusedProbes: async (since: Date): Promise<readonly RefusedProbe[]> => {
      const { rows } = await read.query<{ refused: RefusedProbe }>(
        `with others as (
           select r.number, r.verification from purser.runs r join purser.runs own on own.number = $1
           where r.environment = own.environment and r.service = own.service and (r.finished_at is null or r.finished_at > $2))
         select refused from (
           select s.result -> 'refused' as refused from purser.steps s join others o on o.number = s.run
             where jsonb_typeof(s.result) = 'object'
           union
           select c.value -> 'refused' from others o, jsonb_array_elements(o.verification -> 'state') c) as told
         where refused is not null and (refused ->> 'at')::timestamptz > $2 order by refused ->> 'at' desc`,
        [claim.run, since],
      )
      return rows.map(({ refused }) => refused)
    },
  }
}
