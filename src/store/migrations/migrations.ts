import type { Migration } from './migration.ts'
import { upTo12 } from './up-to-12.ts'

/** Purser's own migrations, in order. New ones are appended; a released entry never changes. */
export const migrations: readonly Migration[] = [
  ...upTo12,
  {
    version: 13,
    name: 'rollbacks without approval',
    sql: 'alter table purser.runs add column break_glass boolean not null default false;',
  },
  {
    version: 14,
    name: 'locks that end, reminders, and freezes that are overridden',
    sql: `
      alter table purser.locks add column until timestamptz;
      -- Who was reminded of the approval that is waited for, and when.
      alter table purser.runs add column reminded jsonb;
      -- The name of the freeze in which the deploy was asked for all the same.
      alter table purser.runs add column freeze_override text;`,
  },
  {
    version: 15,
    name: 'what Slack refused',
    sql: `
      -- What Slack refused of the run's messages, and when the whole of it is tried again.
      alter table purser.runs add column board_refusal jsonb;
      alter table purser.runs add column board_retry_at timestamptz;
      -- How many forms of the post Slack has refused.
      alter table purser.posts add column rung integer not null default 0;`,
  },
  {
    version: 16,
    name: 'whose state this is',
    sql: `
      -- One row, written at the first start.
      create table purser.owner (
        is_only boolean primary key default true check (is_only),
        service text not null,
        -- Names this Purser's jobs where several share one store of queues.
        id      text not null default md5(random()::text || clock_timestamp()::text)
      );`,
  },
  {
    version: 17,
    name: 'phases that wait for a place',
    sql: `
      alter table purser.phases add column queued_at timestamptz;
      -- What a queued phase that nobody has taken waits for: place or worker.
      alter table purser.phases add column waits_for text;`,
  },
  {
    version: 18,
    name: 'indexes for ten thousand runs',
    sql: `
      create index runs_parent on purser.runs (parent) where parent is not null;
      create index runs_environment on purser.runs (environment, number desc);
      create index runs_unfinished on purser.runs (environment, number desc)
        where status in ('planning', 'awaiting_approval', 'executing', 'cancelling', 'failed');
      create index runs_finished on purser.runs (environment, finished_at);
      create index runs_succeeded on purser.runs (environment, kind, number desc) where status = 'succeeded' and not dry_run;
      create index runs_verified on purser.runs (environment, service, (verification ->> 'at') desc) where verification is not null;
      -- What a sweep looks for is nearly always nothing.
      -- Of an expression there are statistics, and not of a comparison of two columns.
      create index runs_unshown on purser.runs ((rev - board_rev));
      create index runs_refused on purser.runs (number) where board_refusal is not null;
      create index runs_rollback_button on purser.runs ((board_posted_at - finished_at));
      create index runs_to_clean on purser.runs (coalesce(cleanup_at, '-infinity'))
        where kind = 'restore' and status in ('cancelled', 'left') and started_at is not null;
      create index watches_to_roll_back on purser.watches (run) where decision = 'roll_back' and not rollback_done;
      create index samples_before on purser.samples (run) where stage = 'before';
      create index backups_kept on purser.backups (environment, (manifest ->> 'finishedAt') desc, run desc) where removed_at is null;`,
  },
  {
    version: 19,
    name: 'details that are removed after a while',
    sql: `
      -- When samples, log groups, steps and posts of the run were removed.
      alter table purser.runs add column details_removed_at timestamptz;
      create index runs_to_prune on purser.runs (finished_at) where details_removed_at is null;`,
  },
  {
    version: 20,
    name: 'requests that are acknowledged and not done',
    sql: `
      create table purser.kept_requests (
        id         text primary key,
        -- Who asked, and what.
        request    jsonb not null,
        at         timestamptz not null default now(),
        -- The process that carries it out, and until when nobody else does.
        holder     text not null,
        held_until timestamptz not null,
        -- How many processes have taken it over from one that ended.
        taken_over integer not null default 0
      );`,
  },
  {
    version: 21,
    name: 'when test events were posted that a service must refuse',
    sql: `
      create table purser.test_events (
        environment text not null,
        service     text not null,
        posted_at   timestamptz not null default clock_timestamp()
      );
      create index test_events_posted on purser.test_events (environment, service, posted_at);`,
  },
  {
    version: 22,
    name: 'boards that are being posted',
    sql: `
      -- When a board was first to be posted whose place in Slack is not known yet.
      alter table purser.runs add column board_posting_at timestamptz;`,
  },
]
