import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serviceSource } from '../../sandbox/valuecanvas/repository.ts'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import type { VerifyConfig } from '../../src/config/service-schema.ts'
import { withinTime } from '../../src/runbook/verify/checks.ts'
import { counts, firstRows } from '../../src/runbook/verify/query-checks.ts'
import { refusedQueries } from '../../src/runbook/verify/configured-queries.ts'
import type { Check } from '../../src/model/run.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { phaseContext, service } from './phase-context.ts'

let postgres: TestPostgres
let url: string
beforeAll(async () => {
  postgres = await startTestPostgres()
  url = await postgres.database()
  const directory = join(serviceSource, 'supabase/migrations')
  for (const name of (await readdir(directory)).sort()) await ask(url, await readFile(join(directory, name), 'utf8'))
})
afterAll(() => postgres.close())

/** The counts and invariants of a verification, under its one time limit. */
function counted(verify: Partial<VerifyConfig>): Promise<readonly Check[]> {
  const all: VerifyConfig = { queries: [], invariants: [], timeoutSeconds: 10, ...verify }
  return withinTime(all.timeoutSeconds, AbortSignal.timeout(60_000), (signal) => {
    const world = { database: openDatabase({ url: new Sensitive(url) }) }
    return counts(phaseContext({ service: { verify: all }, signal, world }))
  })
}

const running = () =>
  ask(
    url,
    `select query from pg_stat_activity where query like '%generate_series(1, 3000000000)%' and state = 'active' and pid <> pg_backend_pid()`,
  )

it('what has no answer at the time limit is cut off, on the server too: unknown, and the others are there', async () => {
  const queries = [
    { name: 'slow', title: 'Slow', sql: 'select count(*) from generate_series(1, 3000000000)', columns: [] },
    { name: 'quick', title: 'Quick', sql: 'select 7', columns: [] },
  ]
  const began = performance.now()
  const [slow, quick] = await counted({ queries, timeoutSeconds: 0.5 })
  expect(performance.now() - began).toBeLessThan(5_000)
  expect(slow).toMatchObject({ verdict: 'unknown', value: 'no answer within 0.5 s: cut off' })
  expect(quick).toMatchObject({ verdict: 'pass', value: '7', number: 7 })
  await expect.poll(running).toEqual([])
})

it('no check can change anything, not even one that is made to', async () => {
  const sql = `with gone as (delete from customers returning id) select count(*) from gone`
  const [check] = await counted({ queries: [{ name: 'evil', title: 'Evil', sql, columns: [] }] })
  expect(check?.verdict).toBe('unknown')
  expect(check?.value).toContain('not asked, as it changes rows')
})

describe('the shipped invariants', () => {
  const { invariants } = service.verify
  const verdicts = async () =>
    (await counted({ invariants })).map(({ name, verdict, value }) => `${name} ${verdict} ${value}`)

  it('hold in a database that is in order', async () => {
    await ask(
      url,
      `insert into customers (id, email) values ('cus_1', 'ann@example.com'), ('cus_2', 'bob@example.com');
       insert into subscriptions (id, customer_id, plan, status) values ('sub_1', 'cus_1', 'team', 'active'), ('sub_2', 'cus_2', 'team', 'canceled'), ('sub_3', 'cus_1', 'team', 'canceled');
       insert into webhook_events (event_id, type, payload, processed) values ('evt_1', 'invoice.paid', '{}', true), ('evt_2', 'invoice.paid', '{}', false);
       insert into billing_audit_log (event_id, action) values ('evt_1', 'invoice.paid');
       insert into grace_periods (customer_id, invoice_id, expires_at) values ('cus_1', 'in_1', now() + interval '1 day');`,
    )
    expect(await verdicts()).toEqual([
      'processed_once pass none',
      'paid_invoices_audited pass none',
      'no_grace_after_cancellation pass none',
    ])
  })

  it('each name what breaks them, by id', async () => {
    await ask(
      url,
      `insert into billing_audit_log (event_id, action) values ('evt_1', 'invoice.paid');
       update webhook_events set processed = true where event_id = 'evt_2';
       insert into grace_periods (customer_id, invoice_id, expires_at) values ('cus_2', 'in_2', now() + interval '1 day');`,
    )
    expect(await verdicts()).toEqual([
      'processed_once fail 1: evt_1',
      'paid_invoices_audited fail 1: evt_2',
      'no_grace_after_cancellation fail 1: 2',
    ])
  })

  it('and every other query that is shipped may be asked, as it only reads', async () => {
    const database = openDatabase({ url: new Sensitive(url) })
    expect(await refusedQueries(service, database, AbortSignal.timeout(10_000))).toEqual([])
  })

  it('show the first of many in the columns that are named, and of the others how many different values there are', async () => {
    const shown = async (sql: string, columns: string[] = []) =>
      (await counted({ invariants: [{ name: 'one', title: 'One', sql, columns }] }))[0]?.value
    const many = `select 'in_' || n as invoice from generate_series(1, 5000) n -- all of them;`
    expect(await shown(many, ['invoice'])).toBe('more than 1000: in_1, in_2, in_3, …')
    expect(await shown(many)).toBe('more than 1000 (invoice: 1001 different values)')
    expect(await shown('select email, id from customers;')).toBe(
      '2 (email: 2 different values, id: 2 different values)',
    )
    expect(await shown('select email, id from customers order by 2', ['id'])).toBe(
      '2: cus_1, cus_2 (email: 2 different values)',
    )
  })
})

describe('on a million webhook events and audit entries', () => {
  const million = 1_000_000
  beforeAll(async () => {
    // Indexes after rows: a quarter of the time. Foreign keys are not what is asked about.
    await ask(
      url,
      `set session_replication_role = replica;
       create temporary table wanted as select tablename, indexname, indexdef from pg_indexes
         where tablename in ('webhook_events', 'billing_audit_log', 'grace_periods', 'subscriptions') and indexname not like '%key';
       alter table webhook_events drop constraint webhook_events_event_id_key;
       alter table grace_periods drop constraint grace_periods_invoice_id_key;
       do $$ declare it record; begin for it in select * from wanted where indexname not like '%pkey' loop execute 'drop index ' || it.indexname; end loop; end $$;
       truncate webhook_events, billing_audit_log, grace_periods, subscriptions;
       alter table webhook_events set unlogged; alter table billing_audit_log set unlogged;
       insert into webhook_events (event_id, type, payload, processed, received_at)
         select 'evt_' || n, (array['invoice.paid', 'charge.succeeded'])[1 + n % 2], '{}', n % 50 <> 0, now() - make_interval(secs => n * 8) from generate_series(1, ${million}) n;
       insert into billing_audit_log (event_id, action, created_at)
         select 'evt_' || n, 'invoice.paid', now() - make_interval(secs => n * 8) from generate_series(1, ${million}) n;
       insert into grace_periods (customer_id, invoice_id, expires_at, resolved_at)
         select 'cus_' || n, 'in_' || n, now() + make_interval(secs => 3600 * 24 * 7 - n * 6000), case when n % 2 = 0 then now() end from generate_series(1, ${million / 10}) n;
       insert into subscriptions (id, customer_id, plan, status) select 'sub_' || n, 'cus_' || n, 'team', (array['active', 'canceled'])[1 + n % 2] from generate_series(1, ${million / 10}) n;
       do $$ declare it record; begin for it in select * from wanted where indexname not like '%pkey' loop execute it.indexdef; end loop; end $$;
       analyze webhook_events, billing_audit_log, grace_periods, subscriptions;`,
    )
  }, 120_000)

  const asked = [
    ...service.verify.queries.map(({ name, sql }) => [name, sql] as const),
    ...service.verify.invariants.map(({ name, sql }) => [name, firstRows(sql, 1_001)] as const),
  ]
  it.each(asked)('%s reads none of them through', async (_, sql) => {
    const plan = (await ask(url, `explain ${sql}`)).map((row) => String(row['QUERY PLAN']))
    // The dead letters are counted as the runbook does: all of them, of which there are few or something else is wrong.
    expect(plan.filter((line) => /Seq Scan on (?!webhook_dead_letter_queue)/.test(line))).toEqual([])
  })
})
