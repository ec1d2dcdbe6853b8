-- A customer whose payment failed keeps the plan until expires_at.
create table grace_periods (
  id bigint generated always as identity primary key,
  customer_id text not null,
  invoice_id text not null unique,
  started_at timestamptz not null default now(),
  expires_at timestamptz not null,
  resolved_at timestamptz
);

create index grace_periods_expires_at on grace_periods (expires_at);

alter table grace_periods enable row level security;

-- The API sets app.customer_id for a signed-in customer; the owner of the table (the service itself) is not restricted.
create policy grace_periods_own on grace_periods
  for select
  using (customer_id = current_setting('app.customer_id', true));
