import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deployment, namespace } from '../../sandbox/world.ts'
import { people } from '../../sandbox/people.ts'
import { snapshotOf, type WorldSnapshot } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

const run = promisify(execFile)

describe('a restore after the database was damaged', () => {
  let world: TestWorld
  /** What v1.2.0 looks like from outside. */
  let running: WorldSnapshot
  beforeAll(async () => {
    world = await startTestWorld()
    await world.startBot('purser')
  }, 180_000)
  afterAll(() => world.close())

  it('lists the backup that a deploy made, restore-tested', async () => {
    await world.succeeds('deploy v1.2.0')
    expect(await world.printed()).toMatch(
      /Restore-tested in \d+ m?s, all \d+ rows and every sequence as in the snapshot/,
    )
    await world.types('dana', '/billing backups')
    await world.waitFor('the list', () =>
      /backup_\S+_production_run1\.dump.*restore-tested in/.test(world.toldOnly('dana') ?? ''),
    )
  }, 360_000)

  it('tells the price, waits for another person, and brings the content of the backup back', async () => {
    const expected = await dumpOf(world, await backupAsDatabase(world))
    await world.service('truncate customers cascade')
    running = snapshotOf(world)
    world.sandbox.kubernetes.plant({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'api-load', namespace },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: deployment },
        minReplicas: 2,
        maxReplicas: 6,
      },
    })
    const [outcome] = await world.plays('restore')
    expect(outcome).toMatchObject({ ok: true, why: expect.stringContaining('Restore production: succeeded') })
    expect(world.threads()).toMatch(/public\.customers: \d+ rows that are gone now come back/)
    expect(world.threads()).toMatch(/kept as database valuecanvas_before_2/)
    expect(world.threads()).toMatch(/Autoscaler api-load \(2 to 6 pods\) pauses .* starts again with 3/)
    const names = await world.service(`select datname from pg_database where datname like 'valuecanvas%' order by 1`)
    expect(names.map((row) => row['datname'])).toEqual(['valuecanvas', 'valuecanvas_before_2'])
    expect(await dumpOf(world, 'valuecanvas')).toBe(expected)
  }, 360_000)

  it('brings the version back that ran when the backup was made, as its plan says, with all that belongs to it', () => {
    const [plan] = world.threads().slice(world.threads().lastIndexOf('Runs afterwards')).split('Rolling back would')
    expect(plan).toMatch(/v1\.1\.0, which ran when the backup was made, instead of v1\.2\.0/)
    expect(plan).toMatch(
      /v1\.2\.0 needs 20260101091000, 20260101092000, 20260101093000, which the backup does not have/,
    )
    for (const line of [
      /Deployment valuecanvas-api: back to v1\.1\.0/,
      /CronJob webhook-retry: delete/,
      /Stripe endpoint \S+: disable/,
      /Secret stripe-credentials\/webhook-secret: take the key away, kept aside/,
      /not re-sent: v1\.1\.0 had no enabled Stripe endpoint/,
    ])
      expect(plan).toMatch(line)
    const now = snapshotOf(world)
    expect(now).toMatchObject({ image: 'valuecanvas/api:v1.1.0', cronJobs: [], secret: undefined })
    expect(now.endpoints).toEqual([{ ...running.endpoints[0], status: 'disabled' }])
    expect(world.threads()).toMatch(
      /These checks passed before and do not apply now:\n(• .*\n)*• Webhook URL: v1\.1\.0 did not/,
    )
  })

  it('is rolled back by putting the former database in place again, and the version that ran on it', async () => {
    await world.succeeds('rollback')
    expect(snapshotOf(world)).toEqual(running)
    expect(await world.service('select count(*)::int as n from customers')).toEqual([{ n: 0 }])
    const names = await world.service(`select datname from pg_database where datname like 'valuecanvas%' order by 1`)
    expect(names.map((row) => row['datname'])).toEqual(['valuecanvas', 'valuecanvas_restore_2'])
    const spec = world.sandbox.kubernetes.read('Deployment', namespace, deployment)?.['spec'] as { replicas: number }
    expect(spec.replicas).toBe(3)
  }, 360_000)

  it('says that it is restored, but not well, when the running version is kept on a schema that it cannot run on', async () => {
    const { control } = world.sandbox.slack
    await world.types('dana', '/billing restore #1')
    const complete = () => control.openView(people.dana.id)?.['submit'] !== undefined
    await world.waitFor('the dialog', complete)
    const asked = { environment: { environment: 'production' }, afterwards: { afterwards: 'keep_running' } }
    expect((await control.submitView(people.dana.id, asked)).result).not.toBe('closed')
    await control.submitView(people.dana.id, { ...asked, reason: { reason: 'v1.1.0 has a hole' } })
    await world.waitFor('the plan', () =>
      /v1\.2\.0, although it might not fit\W+kept as asked for: v1\.1\.0 has a hole/.test(world.threads()),
    )
    await world.presses('alex', 'approve')
    const board = () => world.seenBy('dana').find((text) => text.includes('Restore production: restored, but not well'))
    await world.waitFor('the end', () => board() !== undefined)
    expect(board()).toMatch(/\*?Restored, but not well: Open grace periods, .* passed before, and do not now/)
    expect(world.threads()).toMatch(/\d+ held back: v1\.2\.0 can't process them on this schema/)
    for (const button of ['Check again', 'Roll back…', 'Diagnose…', 'Leave as is']) expect(board()).toContain(button)
    await world.waitFor('the evidence', () =>
      /Open grace periods: couldn't be checked \(.*does not exist.*\)\. Before: passed/.test(world.threads()),
    )
    expect(await world.service('select count(*)::int as n from webhook_events where processed')).toEqual([{ n: 0 }])
    await world.succeeds('rollback')
    expect(snapshotOf(world)).toEqual(running)
  }, 360_000)

  it('ends well when Purser is killed with kill -9 while the service stands still', async () => {
    const playing = world.plays('restore #1')
    await until(`select 1 from purser.effects where run = 6 and kind = 'schedule' and status = 'applied'`)
    const [first] = world.bots
    first?.kill('SIGKILL')
    await first?.exited
    await world.startBot('second')
    expect((await playing)[0]).toMatchObject({ ok: true })
    const taken = await world.state(`select epoch from purser.phases where run = 6 and name = 'swap'`)
    expect(Number(taken[0]?.['epoch'])).toBeGreaterThan(1)
    const read = (kind: string, name: string) => world.sandbox.kubernetes.read(kind, namespace, name)?.['spec']
    expect(read('Deployment', deployment)).toMatchObject({ replicas: 3 })
    expect(snapshotOf(world)).toMatchObject({ image: 'valuecanvas/api:v1.1.0', cronJobs: [] })
    expect((await world.service('select count(*)::int as n from customers'))[0]?.['n']).toBeGreaterThan(0)
    const swaps = await world.state(`select status from purser.effects where run = 6 and kind in ('database', 'image')`)
    expect(swaps).toEqual([{ status: 'applied' }, { status: 'applied' }])
    await world.succeeds('rollback')
    expect(snapshotOf(world)).toEqual(running)
    expect(read('CronJob', 'webhook-retry')).toMatchObject({ suspend: false })
  }, 360_000)

  it('is done in place where names cannot be swapped, and leads back to what was there', async () => {
    await world.bots.at(-1)?.stop()
    const configuration = `${world.sandbox.directory}/in-place.yaml`
    const text = await readFile(world.sandbox.environment['PURSER_CONFIG'] ?? '', 'utf8')
    await writeFile(configuration, text.replace(/^ {2}production:$/m, '$&\n    restore: in-place'))
    await world.startBot('third', { PURSER_CONFIG: configuration })
    const expected = await dumpOf(world, 'by_hand')
    const databases = () =>
      world.service(`select datname from pg_database where datname like 'valuecanvas%' order by 1`)
    const names = await databases()
    await world.service('truncate customers cascade; create table later (id text references customers (id))')
    await world.succeeds('restore #1')
    expect(world.threads()).toMatch(/in place, because databases can't be swapped \(purser\.yaml says so/)
    expect(world.threads()).toMatch(/Its previous data is kept as backup before_\S+_production_run\d+_\w+\.dump/)
    expect(await dumpOf(world, 'valuecanvas')).toBe(expected)
    expect(await world.service(`select to_regclass('later') as later`)).toEqual([{ later: null }])
    await world.succeeds('rollback')
    expect(
      await world.service(`select count(*)::int as n, to_regclass('later') is not null as later from customers`),
    ).toEqual([{ n: 0, later: true }])
    expect(await databases()).toEqual(names)
    expect(snapshotOf(world)).toEqual(running)
    const spec = world.sandbox.kubernetes.read('Deployment', namespace, deployment)?.['spec']
    expect(spec).toMatchObject({ replicas: 3 })
  }, 540_000)

  it('sends the events since the backup to a version that runs on its schema, and tells which it has processed', async () => {
    await world.succeeds('restore #8')
    expect(world.threads()).toMatch(/Runs afterwards\W+v1\.2\.0, as now/)
    expect(world.threads()).toMatch(
      /Stripe: \d+ events? since .*, (\d+) of \1 events? processed(?:, \d+ left out: older than .*)?\.\n(?:• .*\n)*?• .* invoice\..*: processed/,
    )
    expect(snapshotOf(world)).toEqual(running)
  }, 360_000)

  it('refuses a wrong name, a backup that is not there, and who may not', async () => {
    await world.types('dana', '/billing restore #99')
    await world.waitFor('a refusal', () => (world.toldOnly('dana') ?? '').includes('No backup #99 of production'))
    await world.types('sam', '/billing restore')
    await world.waitFor('a refusal', () => (world.toldOnly('sam') ?? '').includes("You can't"))
    expect(await world.state(`select count(*)::int as n from purser.runs where kind = 'restore'`)).toEqual([{ n: 5 }])
  }, 180_000)

  it('leaves a record in which nothing is wrong, with every audit head that Slack has', async () => {
    const { code, lines } = await world.audit()
    expect(lines).toContain('No problems found.')
    expect(code).toBe(0)
  })

  async function until(sql: string): Promise<void> {
    const deadline = Date.now() + 60_000
    while ((await world.state(sql)).length === 0) {
      if (Date.now() > deadline) throw new Error(`waited 60 s for ${sql}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
})

/** The proven backup, restored by hand with PostgreSQL's own program. */
async function backupAsDatabase(world: TestWorld): Promise<string> {
  await world.sandbox.postgres.createDatabase('by_hand')
  const [row] = await world.state(`select manifest ->> 'file' as file from purser.backups where run = 1`)
  await run(
    'pg_restore',
    ['--exit-on-error', '--dbname=by_hand', `${world.sandbox.backups}/${String(row?.['file'])}`],
    {
      env: environmentOf(world),
    },
  )
  return 'by_hand'
}

function environmentOf(world: TestWorld): NodeJS.ProcessEnv {
  const { hostname, port, username, password } = new URL(world.sandbox.serviceDatabaseUrl)
  return { ...process.env, PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: decodeURIComponent(password) }
}

async function dumpOf(world: TestWorld, database: string): Promise<string> {
  const { stdout } = await run('pg_dump', ['--table=customers', database], {
    env: environmentOf(world),
    maxBuffer: 100_000_000,
  })
  return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '')
}
