create table invoices (
  id text primary key,
  customer_id text not null references customers (id),
  amount_due bigint not null,
  currency text not null default 'usd',
  status text not null,
  created_at timestamptz not null default now()
);

create index invoices_customer_id on invoices (customer_id);
