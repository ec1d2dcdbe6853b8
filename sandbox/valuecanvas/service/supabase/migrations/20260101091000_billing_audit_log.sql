-- Who did what to whose money, and when. Append-only.
create table billing_audit_log (
  id bigint generated always as identity primary key,
  event_id text,
  action text not null,
  customer_id text,
  detail jsonb not null default '{}',
  created_at timestamptz not null default now()
);

create index billing_audit_log_created_at on billing_audit_log (created_at);
create index billing_audit_log_customer_id on billing_audit_log (customer_id, created_at);
