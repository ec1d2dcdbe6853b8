import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { serviceSource } from '../sandbox/valuecanvas/repository.ts'

/**
 * A database with the sample service's own tables, filled so that every invariant of purser.yaml holds. `webhook_events` carries
 * payloads like Stripe's, about 1 kB each, of which half is text that repeats and half is not: neither flattering nor unkind to
 * compression.
 */
export async function fillBilling(url: string, events: number): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const sql of await migrations()) await client.query(sql)
    await client.query(
      `insert into webhook_events (event_id, type, payload, processed, received_at)
       select 'evt_' || n, (array['invoice.paid', 'charge.succeeded', 'customer.subscription.updated'])[1 + n % 3],
         jsonb_build_object('object', 'event', 'api_version', '2025-01-27', 'livemode', true, 'created', 1767225600 + n,
           'data', jsonb_build_object('customer', 'cus_' || md5(n::text), 'amount_due', n % 100000, 'currency', 'usd',
             'description', repeat('Subscription renewal for one seat. ', 12),
             'references', (select string_agg(md5(n::text || k::text), '') from generate_series(1, 14) k))),
         n % 50 <> 0, now() - make_interval(secs => n)
       from generate_series(1, $1::int) n`,
      [events],
    )
    await client.query(rest)
    await client.query('vacuum analyze')
    const { rows } = await client.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes')
    return Number(rows[0]?.bytes ?? 0)
  } finally {
    await client.end()
  }
}

/** The service's, in their order: what they make is what the queries of purser.yaml read. */
async function migrations(): Promise<readonly string[]> {
  const directory = join(serviceSource, 'supabase/migrations')
  const names = (await readdir(directory)).toSorted()
  return Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')))
}

const rest = `
  insert into billing_audit_log (event_id, action, created_at)
    select event_id, type, received_at from webhook_events where processed;
  insert into customers (id, email)
    select 'cus_' || n, 'customer' || n || '@example.com' from generate_series(1, 5000) n;
  insert into subscriptions (id, customer_id, plan, status)
    select 'sub_' || n, 'cus_' || n, 'team', case when n % 25 = 0 then 'canceled' else 'past_due' end from generate_series(1, 5000) n;
  insert into grace_periods (customer_id, invoice_id, expires_at, resolved_at)
    select 'cus_' || n, 'in_' || n, now() + make_interval(hours => n % 200 - 100), case when n % 25 = 0 then now() end
    from generate_series(1, 5000) n;
  insert into webhook_dead_letter_queue (event_id, type, payload, error, attempts)
    select 'evt_dead' || n, 'invoice.paid', '{}', 'the customer is unknown', 5 from generate_series(1, 20) n;`
