import { randomBytes } from 'node:crypto'
import type { World } from '../world.ts'
import { kube, type Mend, paths, restartPods, rolledOut, secretValue, servicePods, sql, until } from './hands.ts'

const table = 'grace_periods'
const database = { name: 'valuecanvas-database', key: 'url' } as const
const role = 'valuecanvas_app'

export async function missingTable(world: World): Promise<Mend> {
  await sql(world, `alter table ${table} rename to ${table}_set_aside`)
  return async () => void (await sql(world, `alter table ${table}_set_aside rename to ${table}`))
}

/** The service connects with a role that row-level security holds, and the policy is gone: it sees no rows, and writes none. */
export async function withoutPolicy(world: World): Promise<Mend> {
  const password = randomBytes(12).toString('hex')
  const before = secretValue(world, database.name, database.key)
  const asRole = new URL(world.serviceDatabaseUrl)
  asRole.username = role
  asRole.password = password
  await sql(
    world,
    `drop role if exists ${role};
     create role ${role} login password '${password}';
     grant usage on schema public to ${role};
     grant select, insert, update, delete on all tables in schema public to ${role};
     grant usage on all sequences in schema public to ${role};
     drop policy grace_periods_own on ${table};`,
  )
  const connectWith = async (url: string) => {
    await kube(world, 'PATCH', paths.secret(database.name), { data: { [database.key]: url } })
    await restartPods(world)
  }
  await connectWith(Buffer.from(asRole.href).toString('base64'))
  // A pod connects with the first event that it gets.
  await until(`the service to connect as ${role}`, async () => {
    const connected = await sql(world, `select 1 from pg_stat_activity where usename = '${role}'`)
    return connected.length > 0
  })
  return async () => {
    await sql(
      world,
      `create policy grace_periods_own on ${table} for select using (customer_id = current_setting('app.customer_id', true))`,
    )
    await connectWith(before)
    await sql(world, `drop owned by ${role}; drop role ${role}`)
  }
}

export async function withoutMiddleware(world: World): Promise<Mend> {
  const roll = async (variable: object) => {
    const old = servicePods(world)
    const container = { name: 'api', env: [{ name: 'PLAN_ENFORCEMENT', ...variable }] }
    const change = { spec: { template: { spec: { containers: [container] } } } }
    await kube(world, 'PATCH', paths.deployment, change, 'strategic-merge')
    await rolledOut(world, old)
  }
  await roll({ value: 'off' })
  return () => roll({ $patch: 'delete' })
}
