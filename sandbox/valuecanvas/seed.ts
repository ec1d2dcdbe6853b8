import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { parse } from 'yaml'
import { serviceSource } from './repository.ts'

interface SeedObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace: string; readonly [field: string]: unknown }
  readonly [field: string]: unknown
}

/** The first version's objects as an operator left them: the Deployment and the Secret with the database's address. */
export async function seedManifests(options: {
  readonly namespace: string
  /** Reference that the pods run, with the registry's host. */
  readonly image: string
  readonly databaseUrl: string
}): Promise<readonly SeedObject[]> {
  const { namespace, image, databaseUrl } = options
  const text = await readFile(join(serviceSource, 'k8s/deployment.yaml'), 'utf8')
  const deployment = parse(text.replace(/image: .*/, `image: ${image}`)) as SeedObject
  const url = Buffer.from(databaseUrl).toString('base64')
  return [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'valuecanvas-database', namespace },
      type: 'Opaque',
      data: { url },
    },
    { ...deployment, metadata: { ...deployment.metadata, namespace } },
  ]
}

/** Migrations of v1.1.0, which stand in the database before the story begins. */
const older = /^2025/

/** Brings an empty database to v1.1.0, as Purser's own deploy of it would have left it, with a little data. Safe to repeat. */
export async function seedDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ seeded: boolean }>(
      `select to_regclass('public.customers') is not null as seeded`,
    )
    if (rows[0]?.seeded) return
    await client.query('begin')
    await client.query(ledger)
    await applyOlder(client)
    await client.query(data)
    await client.query('commit')
  } finally {
    await client.end()
  }
}

/** The product's table (src/adapters/postgres/migrations/ledger.ts); a test compares them by reading this one through the product. */
const ledger = `
  create schema purser;
  create table purser.migrations (
    version text primary key,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default now(),
    applied_by text not null,
    run bigint not null,
    release text not null,
    duration_ms integer not null
  );`

async function applyOlder(client: pg.Client): Promise<void> {
  const directory = join(serviceSource, 'supabase/migrations')
  for (const name of (await readdir(directory)).filter((file) => older.test(file)).sort()) {
    const sql = await readFile(join(directory, name), 'utf8')
    await client.query(sql)
    await client.query(
      `insert into purser.migrations (version, name, sha256, applied_at, applied_by, run, release, duration_ms)
       values ($1, $2, $3, '2025-11-20T09:12:00Z', 'purser', 0, 'v1.1.0', 40)`,
      [name.split('_')[0], name, createHash('sha256').update(sql).digest('hex')],
    )
  }
}

const data = `
  insert into customers (id, email, created_at)
    select 'cus_demo' || n, 'customer' || n || '@example.com', now() - make_interval(days => n) from generate_series(1, 40) n;
  insert into subscriptions (id, customer_id, plan, status, current_period_end)
    select 'sub_demo' || n, 'cus_demo' || n, (array['starter', 'team', 'business'])[1 + n % 3], 'active', now() + interval '20 days'
    from generate_series(1, 40) n;
  insert into invoices (id, customer_id, amount_due, status, created_at)
    select 'in_demo' || n, 'cus_demo' || (1 + n % 40), 900 + 100 * (n % 30), 'paid', now() - make_interval(days => n)
    from generate_series(1, 200) n;`
