import pg from 'pg'

/**
 * The billing tables of the runbook, filled. `webhook_events` carries payloads like Stripe's, about 1 kB each, of which
 * half is text that repeats and half is not: neither flattering nor unkind to compression.
 */
export async function fillBilling(url: string, events: number): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`
      create table webhook_events (id bigserial primary key, stripe_id text not null unique, type text not null,
        payload jsonb not null, processed boolean not null, received_at timestamptz not null);
      create table grace_periods (id bigserial primary key, customer text not null, expires_at timestamptz not null);
      create table billing_audit_log (id bigserial primary key, action text not null, created_at timestamptz not null);
      create table webhook_dead_letter_queue (id bigserial primary key, event text not null);`)
    await client.query(
      `insert into webhook_events (stripe_id, type, payload, processed, received_at)
       select 'evt_' || n, (array['invoice.paid', 'charge.succeeded', 'customer.subscription.updated'])[1 + n % 3],
         jsonb_build_object('object', 'event', 'api_version', '2025-01-27', 'livemode', true, 'created', 1767225600 + n,
           'data', jsonb_build_object('customer', 'cus_' || md5(n::text), 'amount_due', n % 100000, 'currency', 'usd',
             'description', repeat('Subscription renewal for one seat. ', 12),
             'references', (select string_agg(md5(n::text || k::text), '') from generate_series(1, 14) k))),
         n % 50 <> 0, now() - make_interval(secs => n)
       from generate_series(1, $1::int) n`,
      [events],
    )
    await client.query(`
      insert into grace_periods (customer, expires_at)
        select 'cus_' || n, now() + make_interval(hours => n % 200 - 100) from generate_series(1, 5000) n;
      insert into billing_audit_log (action, created_at)
        select 'invoice.paid', now() - make_interval(secs => n) from generate_series(1, 100000) n;
      insert into webhook_dead_letter_queue (event) select 'evt_' || n from generate_series(1, 20) n;`)
    await client.query('vacuum analyze')
    const { rows } = await client.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes')
    return Number(rows[0]?.bytes ?? 0)
  } finally {
    await client.end()
  }
}
