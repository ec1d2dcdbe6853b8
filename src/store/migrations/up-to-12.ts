import { beginChain } from '../audit-takeover.ts'
import type { Migration } from './migration.ts'

/** From the first tables to the audit that is a chain, and the requests that were taken up. */
export const upTo12: readonly Migration[] = [
  {
    version: 1,
    name: 'runs',
    sql: `
      create table purser.runs (
        number           bigint generated always as identity primary key,
        kind             text not null,
        service          text not null,
        environment      text not null,
        status           text not null,
        version          text not null,
        dry_run          boolean not null,
        parent           bigint references purser.runs (number),
        requested_by     text not null,
        channel          text not null,
        reason           text,
        plan             jsonb,
        plan_hash        text,
        approvals_needed integer not null,
        failure          jsonb,
        verification     jsonb,
        rev              bigint not null default 1,
        created_at       timestamptz not null default now(),
        expires_at       timestamptz,
        started_at       timestamptz,
        finished_at      timestamptz,
        board_channel    text,
        board_ts         text,
        board_hash       text,
        board_posted_at  timestamptz,
        board_rev        bigint not null default 0
      );
      -- One mutating run per environment: the lane. A run that waits for approval or has ended holds nothing.
      create unique index runs_lane on purser.runs (environment)
        where status in ('executing', 'cancelling') and kind in ('deploy', 'rollback', 'restore');
      create index runs_open on purser.runs (status) where status in ('planning', 'awaiting_approval', 'executing', 'cancelling');

      create table purser.phases (
        run            bigint not null references purser.runs (number),
        ordinal        integer not null,
        name           text not null,
        status         text not null,
        attempt        integer not null default 1,
        epoch          integer not null default 0,
        stumbles       integer not null default 0,
        budget_minutes double precision not null,
        line           text not null default '',
        failure        jsonb,
        worker         text,
        heartbeat_at   timestamptz,
        started_at     timestamptz,
        finished_at    timestamptz,
        primary key (run, name)
      );

      create table purser.steps (
        run         bigint not null,
        phase       text not null,
        attempt     integer not null,
        name        text not null,
        epoch       integer not null,
        result      jsonb,
        started_at  timestamptz not null default now(),
        finished_at timestamptz,
        times_begun integer not null default 1,
        primary key (run, phase, attempt, name),
        foreign key (run, phase) references purser.phases (run, name)
      );

      create table purser.approvals (
        run       bigint not null references purser.runs (number),
        user_id   text not null,
        decision  text not null,
        plan_hash text not null,
        reason    text,
        at        timestamptz not null default now(),
        primary key (run, user_id, plan_hash)
      );

      create table purser.effects (
        id      bigint generated always as identity primary key,
        run     bigint not null references purser.runs (number),
        phase   text not null,
        kind    text not null,
        target  text not null,
        "before" jsonb not null,
        "after"  jsonb,
        status  text not null,
        at      timestamptz not null default now(),
        unique (run, phase, kind, target)
      );

      create table purser.backups (
        run         bigint primary key references purser.runs (number),
        environment text not null,
        manifest    jsonb not null,
        at          timestamptz not null default now()
      );

      create table purser.locks (
        environment text primary key,
        reason      text not null,
        locked_by   text not null,
        at          timestamptz not null default now()
      );

      create table purser.posts (
        id         bigint generated always as identity primary key,
        run        bigint not null references purser.runs (number),
        key        text,
        post       jsonb not null,
        posted_at  timestamptz,
        unique (run, key)
      );
      create index posts_waiting on purser.posts (run, id) where posted_at is null;

      create table purser.samples (
        run    bigint not null references purser.runs (number),
        metric text not null,
        at     timestamptz not null,
        value  double precision not null,
        primary key (run, metric, at)
      );

      create table purser.log_findings (
        run    bigint not null references purser.runs (number),
        pod    text not null,
        stamp  text not null,
        line   text not null,
        primary key (run, pod, stamp, line)
      );

      create table purser.audit_events (
        id            bigint generated always as identity primary key,
        run           bigint,
        at            timestamptz not null,
        actor         text not null,
        source        text not null,
        kind          text not null,
        text          text not null,
        previous_hash text not null,
        hash          text not null
      );
      create function purser.refuse_change() returns trigger language plpgsql as $$
        begin raise exception 'audit events are append-only'; end $$;
      create trigger audit_append_only before update or delete or truncate on purser.audit_events
        for each statement execute function purser.refuse_change();`,
  },
  {
    version: 2,
    name: 'removed backups',
    sql: 'alter table purser.backups add column removed_at timestamptz;',
  },
  {
    version: 3,
    name: 'releases and what migrations take from them',
    sql: `
      create table purser.releases (
        environment text not null,
        version     text not null,
        migrations  jsonb not null,
        image       text not null,
        schema      text,
        run         bigint not null references purser.runs (number),
        at          timestamptz not null default now(),
        primary key (environment, version)
      );
      create table purser.schema_changes (
        environment text not null,
        migration   text not null,
        change      jsonb not null,
        run         bigint not null references purser.runs (number),
        at          timestamptz not null default now(),
        primary key (environment, migration)
      );`,
  },
  {
    version: 4,
    name: 'deploys that give the webhook another secret',
    sql: 'alter table purser.runs add column rotate_secret boolean not null default false;',
  },
  {
    version: 5,
    name: 'watches',
    sql: `
      -- 'before': sampled before the rollout, what a watch compares with.
      alter table purser.samples add column stage text not null default 'watching';

      create table purser.watches (
        run             bigint primary key references purser.runs (number),
        attempt         integer not null,
        began_at        timestamptz not null,
        ends_at         timestamptz not null,
        breach          jsonb,
        decision        text,
        decided_by      text,
        decided_at      timestamptz,
        decision_reason text,
        -- What the dialog listed.
        decided_undo    jsonb,
        -- A decision to roll back that has been followed, or given up.
        rollback_done   boolean not null default false
      );

      -- Counts, not lines. Attempt 0 is what the logs held before the rollout.
      create table purser.log_groups (
        run         bigint not null references purser.runs (number),
        attempt     integer not null,
        fingerprint text not null,
        example     text not null,
        pod         text not null,
        first_at    text not null,
        last_at     text not null,
        count       bigint not null,
        primary key (run, attempt, fingerprint)
      );
      -- How far each pod's log has been read.
      create table purser.log_pods (
        run     bigint not null references purser.runs (number),
        attempt integer not null,
        pod     text not null,
        stamp   text not null,
        errors  bigint not null,
        primary key (run, attempt, pod)
      );
      drop table purser.log_findings;`,
  },
  {
    version: 6,
    name: 'diagnoses and fixes',
    sql: `
      alter table purser.runs add column diagnosis jsonb;
      -- What only looks goes beside whatever runs; everything else has the lane for itself.
      drop index purser.runs_lane;
      create unique index runs_lane on purser.runs (environment)
        where status in ('executing', 'cancelling') and kind not in ('verify', 'diagnose');`,
  },
  {
    version: 7,
    name: 'databases that unfinished restores prepared',
    sql: 'alter table purser.runs add column tidy_at timestamptz;',
  },
  {
    version: 8,
    name: 'more than one backup of a run',
    sql: `
      -- A restore in place that is tried again dumps what stands once more: both files must be known, or one is never let go.
      alter table purser.backups drop constraint backups_pkey;
      create unique index backups_file on purser.backups (environment, (manifest ->> 'file'));
      create index backups_run on purser.backups (run);`,
  },
  {
    version: 9,
    name: 'words of the glossary',
    sql: `
      alter table purser.phases rename column stumbles to transient_failures;
      alter table purser.runs rename column tidy_at to cleanup_at;
      alter index purser.runs_lane rename to runs_environment_slot;

      -- A phase's name is a key that steps and effects carry along.
      alter table purser.steps drop constraint steps_run_phase_fkey;
      update purser.phases p set name = 'check' from purser.runs r where r.number = p.run and r.kind = 'restore' and p.name = 'look';
      update purser.steps s set phase = 'check' from purser.runs r where r.number = s.run and r.kind = 'restore' and s.phase = 'look';
      update purser.effects e set phase = 'check' from purser.runs r where r.number = e.run and r.kind = 'restore' and e.phase = 'look';
      update purser.posts o set post = jsonb_set(post, '{phase}', '"check"') from purser.runs r
        where r.number = o.run and r.kind = 'restore' and o.post ->> 'phase' = 'look';
      alter table purser.steps add constraint steps_run_phase_fkey foreign key (run, phase) references purser.phases (run, name);

      -- What a rollback brings back is its target. The former key is put together, as no file of src names it any more.
      update purser.runs set plan = (plan - ('come' || 'back')) || jsonb_build_object('rollbackTarget', plan -> ('come' || 'back'))
        where plan ? ('come' || 'back');
      update purser.watches
        set decided_undo = (decided_undo - ('come' || 'back')) || jsonb_build_object('rollbackTarget', decided_undo -> ('come' || 'back'))
        where decided_undo ? ('come' || 'back');
      update purser.runs set diagnosis = (diagnosis - 'looks') || jsonb_build_object('findings', diagnosis -> 'looks') where diagnosis ? 'looks';

      -- A plan of the former version that waits is made again, not obeyed; where a run has no phase that plans, it is asked for again.
      update purser.phases p set status = 'queued', attempt = attempt + 1, line = '', failure = null, started_at = null, finished_at = null,
          worker = null, transient_failures = 0
        from purser.runs r where r.number = p.run and r.status = 'awaiting_approval' and p.name = 'plan';
      update purser.runs r set rev = rev + 1,
          status = case when exists (select from purser.phases p where p.run = r.number and p.name = 'plan') then 'planning' else 'expired' end,
          finished_at = case when exists (select from purser.phases p where p.run = r.number and p.name = 'plan') then null else now() end,
          failure = jsonb_build_object('code', 'plan_outdated', 'evidence', '[]'::jsonb,
            'message', 'the plan was made by an earlier version of Purser',
            'hint', case when exists (select from purser.phases p where p.run = r.number and p.name = 'plan')
              then 'The plan is made again and needs a new approval.' else 'Ask for it again: what would happen is listed anew.' end)
        where status = 'awaiting_approval';`,
  },
  {
    version: 10,
    name: 'when an effect was settled',
    sql: `
      alter table purser.effects add column settled_at timestamptz;
      update purser.effects set settled_at = at where status <> 'started';`,
  },
  {
    version: 11,
    name: 'an audit chain with a key',
    sql: `
      alter table purser.audit_events disable trigger audit_append_only;
      alter table purser.audit_events
        -- Counted under the lock of the chain: without gaps, which an identity column leaves when a transaction is rolled back.
        add column sequence bigint check (sequence > 0),
        -- 1: hashed as before this migration.
        add column format smallint not null default 1,
        add column key_id text,
        add column facts jsonb;
      update purser.audit_events e set sequence = o.place
        from (select id, row_number() over (order by id) as place from purser.audit_events) o where o.id = e.id;
      alter table purser.audit_events drop column id, alter column format drop default, add primary key (sequence);
      alter table purser.audit_events enable trigger audit_append_only;
      create index audit_events_run on purser.audit_events (run, sequence);
      create index audit_events_begun on purser.audit_events (sequence) where kind = 'chain_begun';`,
    after: beginChain,
  },
  {
    version: 12,
    name: 'requests of Slack that were taken up',
    sql: `
      create table purser.requests (
        -- The hash of what is the same when a request comes again.
        key text primary key,
        at  timestamptz not null default now()
      );
      create index requests_at on purser.requests (at);`,
  },
]
