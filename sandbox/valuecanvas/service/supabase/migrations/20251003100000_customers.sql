create table customers (
  id text primary key,
  email text not null,
  created_at timestamptz not null default now()
);

create table subscriptions (
  id text primary key,
  customer_id text not null references customers (id),
  plan text not null,
  status text not null,
  current_period_end timestamptz
);

create index subscriptions_customer_id on subscriptions (customer_id);
