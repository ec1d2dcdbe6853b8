-- Events that could not be applied are tried again, and at last set aside.
alter table webhook_events
  add column attempts integer not null default 0,
  add column next_retry_at timestamptz,
  add column last_error text;

create table webhook_dead_letter_queue (
  id bigint generated always as identity primary key,
  event_id text not null unique,
  type text not null,
  payload jsonb not null,
  error text not null,
  attempts integer not null,
  failed_at timestamptz not null default now()
);
