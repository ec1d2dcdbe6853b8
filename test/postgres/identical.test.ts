import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import { libpqEnvironment } from '../../src/adapters/postgres/connection/libpq.ts'
import { openRestores } from '../../src/adapters/postgres/restores/restores.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask, sessionWith, startTestPostgres } from '../support/postgres.ts'

const never = new AbortController().signal
const quiet = (): void => {}

/** A million rows, and every kind of thing that a dump or a restore could lose. */
const everything = `
  create extension citext;
  create type plan as enum ('free', 'team', 'it''s complicated');
  create domain cents as bigint check (value >= 0);
  create table customers (id bigint generated always as identity (start 7 increment 3) primary key, email citext unique,
    plan plan not null default 'free', tagged int generated always as (cardinality(tags)) stored, tags text[], born date);
  insert into customers (email, plan, tags, born)
    select 'Person' || n || '@Example.com', (enum_range(null::plan))[1 + n % 3], array['a,b', 'c"d', null, e'\\\\ \\n'], date '2000-01-01' + n % 9000
    from generate_series(1, 50000) n;
  create table events (id bigint not null, at timestamptz not null, customer bigint, payload jsonb, raw bytea,
    primary key (id, at)) partition by range (at);
  create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');
  create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01') partition by hash (id);
  create table events_2026_0 partition of events_2026 for values with (modulus 2, remainder 0);
  create table events_2026_1 partition of events_2026 for values with (modulus 2, remainder 1);
  create index on events using gin (payload jsonb_path_ops) where id % 100 = 0;
  insert into events select n, timestamptz '2025-01-01 00:00+00' + n * interval '65 seconds', 7 + 3 * (n % 50000),
    case when n % 100 = 0 then jsonb_build_object('n', n, 'e', 1e300, 'u', E'\\u00e9\\t') end,
    case when n % 500 = 0 then decode(md5(n::text), 'hex') end
    from generate_series(1, 949990) n;
  alter table events add foreign key (customer) references customers;
  create sequence invoice_numbers start 5 increment by 10 cycle maxvalue 1000000; select setval('invoice_numbers', 4711, false);
  create sequence untouched; create sequence "Odd Seq" as smallint; select nextval('"Odd Seq"');
  create schema "My ""Schema"" $1; --";
  create table "My ""Schema"" $1; --"."t.a b'le" ("select" int primary key, "naïve – столбец" numeric, c double precision, i interval);
  insert into "My ""Schema"" $1; --"."t.a b'le" values (1, 'NaN', 'Infinity', '1 mon -3 days'), (2, 0.1000, '-0', null), (3, null, 1e-300, '-00:00:01');
  alter table "My ""Schema"" $1; --"."t.a b'le" add foreign key ("select") references "My ""Schema"" $1; --"."t.a b'le" deferrable initially deferred;
  create table ledger (id int primary key, amount cents, note text, check (note <> ''), exclude (id with =));
  insert into ledger values (1, 5, null), (2, 9223372036854775807, E'tab\\tnew\\nline\\\\ \\\\.');
  alter table ledger enable row level security; alter table ledger force row level security;
  create policy "own rows" on ledger for select to public using (id > 0 and current_user <> 'nobody');
  create view balances with (security_barrier) as select id, amount from ledger; create materialized view totals as select count(*) from customers;
  create function touch() returns trigger language plpgsql as $$ begin new.note := coalesce(new.note, 'touched'); return new; end $$;
  create trigger touched before insert or update on ledger for each row execute function touch(); alter table ledger disable trigger touched;
  create rule quiet as on delete to ledger do instead nothing;
  create statistics ledger_stats on id, amount from ledger; comment on table ledger is 'what''s owed';
  grant select (id) on ledger to public; alter default privileges grant select on tables to public;
  create unlogged table scratch (n int); insert into scratch values (1);
  create table busy (n int); insert into busy select generate_series(1, 7);
  select lo_from_bytea(4242, decode(repeat('00ff', 5000), 'hex')); comment on large object 4242 is 'a contract'; grant select on large object 4242 to public;
  select lo_from_bytea(0, 'x');`

const damage = `
  update customers set plan = 'free'; drop table events cascade; delete from "My ""Schema"" $1; --"."t.a b'le";
  select nextval('invoice_numbers'), setval('untouched', 99); drop sequence "Odd Seq"; select lo_unlink(4242);
  drop policy "own rows" on ledger; alter table ledger disable row level security; drop materialized view totals;
  alter type plan add value 'gone'; create table intruder (n int); drop trigger touched on ledger; analyze`

it('backup, damage, restore: a million rows and all that belongs to them are as they were, to the byte', async () => {
  const postgres = await startTestPostgres()
  const directory = await mkdtemp(join(tmpdir(), 'purser-identical-'))
  try {
    const url = await postgres.database()
    await ask(url, everything)
    const [counted] = await ask(
      url,
      `select (select count(*) from customers)::int + (select count(*) from events)::int + (select count(*) from busy)::int
         + (select count(*) from ledger)::int + (select count(*) from scratch)::int as n`,
    )
    expect(counted?.['n']).toBe(1_000_000)
    const before = await contents(url)

    // Somebody writes all the while; a wait for a lock of more than 100 ms would end them, and the test.
    const writer = await sessionWith(url, `set lock_timeout = '100ms'`)
    let writing = true
    let written = 0
    const writes = (async () => {
      for (; writing; written += 1) await writer.query('update busy set n = n + 1')
    })()
    const backups = openBackups({ url: new Sensitive(url), directory, testRestore: { enabled: false } })
    const { file, sha256, rows } = await backups.create('run-1', quiet, never)
    writing = false
    await writes
    await writer.end()
    expect(written).toBeGreaterThan(1)
    expect(rows).toContainEqual({ table: 'pg_catalog.pg_largeobject_metadata', rows: 2 })

    await ask(url, damage)
    expect(await definitions(url)).not.toBe(before.definitions)
    const restores = openRestores({ url: new Sensitive(url), directory })
    const names = restores.names(2)
    await restores.prepare({ names, file, sha256, onProgress: quiet }, never)
    await restores.swap(names, never)
    expect(await contents(url)).toEqual(before)
    const [next] = await ask(url, `select nextval('invoice_numbers')::int as a, nextval('"Odd Seq"')::int as b`)
    expect(next).toEqual({ a: 4711, b: 2 })
    await ask(url, `drop database ${names.kept} with (force)`)
  } finally {
    await postgres.close()
    await rm(directory, { recursive: true, force: true })
  }
}, 180_000)

/** What `pg_dump` tells of a database: its definitions as they are, and the checksum of everything. */
async function contents(url: string): Promise<{ readonly definitions: string; readonly sha256: string }> {
  const [schema, all] = await Promise.all([definitions(url), dump(url)])
  return { definitions: schema, sha256: createHash('sha256').update(all).digest('hex') }
}

async function definitions(url: string): Promise<string> {
  return dump(url, '--schema-only')
}

async function dump(url: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, ...libpqEnvironment(new Sensitive(url)) }
  const options = { env, maxBuffer: 1 << 30 }
  const { stdout } = await promisify(execFile)('pg_dump', ['--exclude-table-data=busy', ...args], options)
  // A key that is drawn anew for each dump.
  return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '')
}
