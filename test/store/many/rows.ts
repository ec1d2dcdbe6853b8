import type { Pool } from 'pg'

export const environmentNames = Array.from({ length: 100 }, (_, at) => `environment-${at + 1}`)
export const manyRuns = 10_000

/** A year of deploys: 100 runs in each of 100 environments, with all the rows that each leaves. */
export async function insertManyRows(pool: Pool): Promise<void> {
  const statements = [
    `insert into purser.runs (kind, service, environment, status, version, dry_run, requested_by, channel, plan, plan_hash, approvals_needed,
       created_at, started_at, finished_at, board_channel, board_ts, board_hash, board_posted_at, board_rev, verification)
     select (array['deploy', 'deploy', 'verify', 'rollback'])[(n / 100) % 4 + 1], 'valuecanvas-api', 'environment-' || (n % 100 + 1), 'succeeded', 'v1.' || n, false,
       'UDANA', 'CDEPLOYS',
       case when (n / 100) % 4 < 2 then jsonb_build_object('kind', 'deploy', 'current', jsonb_build_object('version', 'v1.0.0'),
         'lines', (select jsonb_agg(md5((n * 100 + l)::text)) from generate_series(1, 100) l)) end,
       md5(n::text), 1, at, at, at + interval '40 minutes', 'CDEPLOYS', '1.' || n, 'hash', at + interval '2 days', 1,
       case when (n / 100) % 4 = 2 then jsonb_build_object('at', at, 'counts', '[]'::jsonb, 'state', '[]'::jsonb) end
     from (select n, now() - make_interval(hours => 200 + ${manyRuns} - n) as at from generate_series(1, ${manyRuns}) n) every`,
    `update purser.runs set parent = number - 1 where kind = 'rollback'`,
    `insert into purser.phases (run, ordinal, name, status, budget_minutes, started_at, finished_at)
     select r.number, ordinality, name, 'succeeded', 5, r.started_at, r.finished_at from purser.runs r,
       unnest(case when r.kind = 'deploy' then array['plan', 'preflight', 'migrate', 'rollout', 'stripe', 'cronjobs', 'e2e', 'monitor']
         else array[r.kind] end) with ordinality as names (name)`,
    `insert into purser.steps (run, phase, attempt, name, epoch, result, finished_at)
     select run, name, 1, 'step ' || n, 1, '{"done": true}', now() - interval '9 days' from purser.phases, generate_series(1, 3) n`,
    `insert into purser.effects (run, phase, kind, target, "before", "after", status, settled_at)
     select number, 'rollout', case when n = 1 then 'image' else 'migration' end, 'target-' || n,
       '{"image": "api:v1", "replicaSet": null, "templateHash": "a", "version": null, "applied": false}',
       '{"image": "api:v2", "templateHash": "b", "outcome": "applied", "milliseconds": 1}', 'applied', finished_at
     from purser.runs, generate_series(1, 6) n where kind = 'deploy'`,
    `insert into purser.approvals (run, user_id, decision, plan_hash) select number, 'UALEX', 'approved', plan_hash from purser.runs`,
    `insert into purser.backups (run, environment, manifest)
     select number, environment, jsonb_build_object('file', 'backup_' || number || '.dump', 'finishedAt', finished_at) from purser.runs where kind = 'deploy'`,
    `insert into purser.posts (run, key, post, posted_at)
     select number, 'post-' || n, '{"kind": "note", "text": "done"}', finished_at from purser.runs, generate_series(1, 6) n`,
    `insert into purser.watches (run, attempt, began_at, ends_at) select number, 1, started_at, finished_at from purser.runs where kind = 'deploy'`,
    `insert into purser.samples (run, metric, at, value, stage)
     select number, 'metric-' || m, started_at + make_interval(secs => t * 15), 1, case when t = 0 then 'before' else 'watching' end
     from purser.runs, generate_series(1, 2) m, generate_series(0, 9) t where kind = 'deploy'`,
    `insert into purser.log_groups (run, attempt, fingerprint, example, pod, first_at, last_at, count)
     select number, 1, 'print-' || n, 'an error', 'api-1', '2026', '2026', 3 from purser.runs, generate_series(1, 3) n where kind = 'deploy'`,
    `insert into purser.log_pods (run, attempt, pod, stamp, errors) select number, 1, 'api-1', '2026', 0 from purser.runs where kind = 'deploy'`,
    `insert into purser.audit_events (sequence, format, run, at, actor, source, kind, text, previous_hash, hash)
     select (select coalesce(max(sequence), 0) from purser.audit_events) + row_number() over (order by number, n), 2, number, finished_at, 'purser', 'worker',
       'phase_succeeded', 'done', '', '' from purser.runs, generate_series(1, 10) n`,
    `insert into purser.releases (environment, version, migrations, image, run)
     select environment, version, '[]', 'image', number from purser.runs where kind = 'deploy'`,
    `insert into purser.schema_changes (environment, migration, change, run)
     select environment, 'm' || number, '{"migration": "m"}', number from purser.runs where kind = 'deploy'`,
    `insert into purser.requests (key, at) select md5(n::text), now() from generate_series(1, 5000) n`,
    'analyze',
  ]
  const client = await pool.connect()
  try {
    await client.query('set statement_timeout = 0')
    for (const statement of statements) await client.query(statement)
  } finally {
    client.release(true)
  }
}
