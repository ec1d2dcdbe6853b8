create table webhook_events (
  id bigint generated always as identity primary key,
  event_id text not null unique,
  type text not null,
  payload jsonb not null,
  processed boolean not null default false,
  received_at timestamptz not null default now(),
  processed_at timestamptz
);

create index webhook_events_received_at on webhook_events (received_at);
