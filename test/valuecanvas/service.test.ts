import { createHmac } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openCommands } from '../../src/adapters/process/commands.ts'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { openRepository } from '../../src/adapters/git/repository.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { parseReference, serviceImages } from '../../sandbox/valuecanvas/images.ts'
import { buildServiceRepository, type ServiceRepository } from '../../sandbox/valuecanvas/repository.ts'
import { serviceRuntime } from '../../sandbox/valuecanvas/runtime.ts'
import { seedDatabase, seedManifests } from '../../sandbox/valuecanvas/seed.ts'
import type { ContainerRuntime, RunningContainer } from '../../sandbox/kubernetes/runtime.ts'
import { migrationFile } from '../contract/database.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { checkOut } from '../support/checkout.ts'

const never = new AbortController().signal
const secret = 'whsec_test_only'
let directory: string
let postgres: TestPostgres
let url: string
let repository: ServiceRepository
let runtime: ContainerRuntime

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-valuecanvas-'))
  ;[postgres, repository] = await Promise.all([
    startTestPostgres(),
    buildServiceRepository({ directory: join(directory, 'api.git') }),
  ])
  url = await postgres.database()
  await seedDatabase(url)
  const images = serviceImages(repository.commits).map((image) => ({ ...image, digest: digestOf(image.tag) }))
  runtime = serviceRuntime({ repository: repository.url, workDirectory: join(directory, 'images'), images })
})
afterAll(async () => {
  await Promise.all(running.map((pod) => pod.stop(2_000)))
  await postgres.close()
  await rm(directory, { recursive: true, force: true })
})

const digestOf = (tag: string): string => `sha256:${Buffer.from(tag).toString('hex').padEnd(64, '0')}`
const running: RunningContainer[] = []

interface Pod {
  readonly base: string
  readonly logs: string[]
  readonly container: RunningContainer
}

async function start(image: string, env: Record<string, string>, command: readonly string[] = []): Promise<Pod> {
  await runtime.pull(image)
  const port = await freePort()
  const logs: string[] = []
  const kind = command.length > 0 ? ('job' as const) : ('service' as const)
  const spec = { image, command, args: [], env: { ...env, PORT: String(port) }, podName: 'api-1', port, kind }
  const container = runtime.start(spec, (line) => logs.push(line))
  running.push(container)
  return { base: `http://127.0.0.1:${port}`, logs, container }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

async function healthy(pod: Pod): Promise<unknown> {
  return vi.waitFor(async () => (await fetch(`${pod.base}/health`)).json(), { timeout: 10_000, interval: 50 })
}

function deliver(pod: Pod, event: object, key = secret, age = 0): Promise<Response> {
  const body = JSON.stringify(event)
  const time = Math.floor(Date.now() / 1000) - age
  const signature = createHmac('sha256', key).update(`${time}.${body}`).digest('hex')
  const headers = { 'content-type': 'application/json', 'stripe-signature': `t=${time},v1=${signature}` }
  return fetch(`${pod.base}/api/billing/webhooks/stripe`, { method: 'POST', headers, body })
}

async function applyMigrations(tag: string): Promise<void> {
  const source = openRepository({ url: repository.url, mirrorDirectory: join(directory, 'mirror.git') })
  const { sha } = await source.resolveVersion(tag, never)
  const database = openDatabase({ url: new Sensitive(url) })
  const { files: names } = await source.list(sha, 'supabase/migrations', never)
  const wanted = names.map((name) => ({ name, path: `supabase/migrations/${name}` }))
  for (const { name, text } of await source.readAll(sha, wanted, never)) {
    const file = migrationFile(name, text)
    await database.apply({ file, run: 1, release: tag, lockTimeoutMs: 1000, statementTimeoutMs: 10_000 }, never)
  }
}

describe('the sample service', () => {
  it('comes out the same on every machine', async () => {
    const again = await buildServiceRepository({ directory: join(directory, 'api.git') })
    expect(again).toEqual(repository)
    expect(repository.commits['v1.2.0']).toMatch(/^[0-9a-f]{40}$/)
    const other = await buildServiceRepository({ directory: join(directory, 'other.git') })
    expect(other.commits).toEqual(repository.commits)
  })

  it('reads image references with and without a host, by tag and by digest', async () => {
    expect(parseReference('127.0.0.1:5000/valuecanvas/api:v1')).toMatchObject({
      repository: 'valuecanvas/api',
      tag: 'v1',
    })
    const pulled = await runtime.pull(`127.0.0.1:5000/valuecanvas/api@${digestOf('v1.2.0')}`)
    expect(pulled.imageID).toBe(`127.0.0.1:5000/valuecanvas/api@${digestOf('v1.2.0')}`)
    for (const image of [
      'valuecanvas/api:v1.3.0-badimage',
      'valuecanvas/api:v7',
      `valuecanvas/api@${digestOf('none')}`,
    ]) {
      await expect(runtime.pull(image)).rejects.toMatchObject({
        name: 'ImagePullFailure',
        message: expect.stringContaining('manifest unknown'),
      })
    }
  })

  it('seeds the ledger so that exactly the three billing migrations are pending', async () => {
    const database = openDatabase({ url: new Sensitive(url) })
    const known = new Set((await database.ledger(never)).map((entry) => entry.version))
    const source = openRepository({ url: repository.url, mirrorDirectory: join(directory, 'mirror.git') })
    const { sha } = await source.resolveVersion('v1.2.0', never)
    const pending = (await source.list(sha, 'supabase/migrations', never)).files.filter(
      (name) => !known.has(name.split('_')[0] ?? ''),
    )
    expect(pending).toEqual([
      '20260101091000_billing_audit_log.sql',
      '20260101092000_grace_periods.sql',
      '20260101093000_webhook_retry.sql',
    ])
    await seedDatabase(url)
    await applyMigrations('v1.1.0')
  })

  it('v1.1.0 serves health and knows no webhook', async () => {
    const pod = await start('valuecanvas/api:v1.1.0', {})
    expect(await healthy(pod)).toEqual({ status: 'ok', version: '1.1.0' })
    expect((await deliver(pod, {})).status).toBe(404)
    await pod.container.stop(2_000)
    expect((await pod.container.exited).exitCode).toBe(0)
  })

  it('v1.2.0 takes signed events, once, writes what they mean, and passes its own e2e', async () => {
    await applyMigrations('v1.2.0')
    const pod = await start('valuecanvas/api:v1.2.0', {
      DATABASE_URL: url,
      STRIPE_WEBHOOK_SECRET: `whsec_old,${secret}`,
    })
    expect(await healthy(pod)).toEqual({ status: 'ok', version: '1.2.0' })
    expect(pod.logs.join('\n')).toContain('PlanEnforcement middleware loaded')

    const failed = {
      id: 'evt_1',
      type: 'invoice.payment_failed',
      data: { object: { id: 'in_1', customer: 'cus_demo1' } },
    }
    expect((await deliver(pod, failed)).status).toBe(200)
    expect((await deliver(pod, failed)).status).toBe(200)
    expect((await deliver(pod, failed, 'whsec_wrong')).status).toBe(400)
    expect((await deliver(pod, failed, secret, 301)).status).toBe(400)
    expect((await deliver(pod, { id: 'evt_2', type: 'payout.paid', data: {} })).status).toBe(200)
    expect((await deliver(pod, { id: 'evt_3', type: 'charge.failed', data: {} })).status).toBe(200)
    const unsigned = { method: 'POST', body: '{"test": true}' }
    expect((await fetch(`${pod.base}/api/billing/webhooks/stripe`, unsigned)).status).toBe(400)

    expect(await ask(url, 'select event_id, processed from webhook_events order by 1')).toEqual([
      { event_id: 'evt_1', processed: true },
      { event_id: 'evt_3', processed: false },
    ])
    expect(await ask(url, 'select customer_id, expires_at > now() as open from grace_periods')).toEqual([
      { customer_id: 'cus_demo1', open: true },
    ])
    expect(await ask(url, 'select event_id from webhook_dead_letter_queue')).toEqual([{ event_id: 'evt_3' }])
    expect(await ask(url, 'select action from billing_audit_log')).toEqual([{ action: 'invoice.payment_failed' }])
    expect(pod.logs.some((line) => line.includes('billing webhook processed'))).toBe(true)

    const e2e = await e2eOf('v1.2.0', pod)
    expect(e2e.tail.filter((line) => line.startsWith('not ok'))).toEqual([])
    expect(e2e.exitCode).toBe(0)
    const wrongVersion = await e2eOf('v1.3.0-e2efail', pod)
    expect(wrongVersion.exitCode).toBe(1)
    expect(wrongVersion.tail).toContain('#   status of GET /api/billing/plans: expected 200, got 404')
  })

  it('the retry job applies what a pod left undone', async () => {
    await ask(
      url,
      `insert into webhook_events (event_id, type, payload, received_at, next_retry_at) values
      ('evt_9', 'invoice.paid', '{"id": "evt_9", "type": "invoice.paid", "data": {"object": {"id": "in_1", "customer": "cus_demo1"}}}', now(), now())`,
    )
    const job = await start('valuecanvas/api:v1.2.0', { DATABASE_URL: url }, ['node', 'src/jobs/webhook-retry.mjs'])
    expect((await job.container.exited).exitCode).toBe(0)
    expect(job.logs.join('\n')).toContain('"processed":1')
    expect(await ask(url, `select processed from webhook_events where event_id = 'evt_9'`)).toEqual([
      { processed: true },
    ])
  })

  it('the broken versions break as they promise', async () => {
    const crashing = await start('valuecanvas/api:v1.3.0-crash', { DATABASE_URL: url })
    expect((await crashing.container.exited).exitCode).toBe(1)
    expect(crashing.logs.join('\n')).toContain('PlanCatalogueError: plan "team" has no price')
    const noisy = await start('valuecanvas/api:v1.3.0-noisy', { DATABASE_URL: url })
    await vi.waitFor(() => expect(noisy.logs.join('\n')).toContain('"level":"error"'), { timeout: 10_000 })
    expect(await healthy(noisy)).toMatchObject({ version: '1.3.0-noisy' })
    const pinned = await start('valuecanvas/api:v1.3.0-pinned', { DATABASE_URL: url, STRIPE_WEBHOOK_SECRET: secret })
    await healthy(pinned)
    const inRelease = async (version: string) => {
      const object = { id: 'in_9', object: 'invoice', customer: 'cus_demo1' }
      const event = { id: `evt_${version}`, type: 'invoice.paid', api_version: version, data: { object } }
      return (await deliver(pinned, event)).status
    }
    expect([await inRelease('2026-10-28.endive'), await inRelease('2020-08-27')]).toEqual([200, 400])
    await expect(applyMigrations('v1.3.0-badmigration')).rejects.toMatchObject({ code: 'undefined_column' })
    expect(await ask(url, `select to_regclass('invoice_totals') as left_behind`)).toEqual([{ left_behind: null }])
  })

  it('passes its own tests and builds in a bare checkout', async () => {
    const workspace = join(directory, 'workspace')
    const source = openRepository({ url: repository.url, mirrorDirectory: join(directory, 'mirror.git') })
    await checkOut(source, repository.commits['v1.2.0'] ?? '', workspace)
    const commands = openCommands()
    for (const argv of [
      ['npm', 'test', '--', '--run', 'src/services/billing/__tests__/'],
      ['npm', 'test', '--', '--run', 'src/config/__tests__/billing.test.ts'],
      ['npm', 'run', 'build'],
    ] as const) {
      const outcome = await commands.run({ argv, cwd: workspace, env: {}, timeoutMs: 30_000 }, never)
      expect(outcome, outcome.tail.join('\n')).toMatchObject({ exitCode: 0 })
    }
    expect(await readFile(join(workspace, 'dist/manifest.json'), 'utf8')).toContain('1.2.0')
  })

  it('seeds the cluster with a deployment that reads its secrets by name', async () => {
    const objects = await seedManifests({
      namespace: 'production',
      image: '127.0.0.1:5000/valuecanvas/api:v1.1.0',
      databaseUrl: url,
    })
    const text = JSON.stringify(objects[1])
    expect(objects.map((object) => object.kind)).toEqual(['Secret', 'Deployment'])
    expect(text).toContain('"image":"127.0.0.1:5000/valuecanvas/api:v1.1.0"')
    expect(text).not.toContain(url)
    expect(text).toContain('"optional":true')
  })
})

async function e2eOf(tag: string, pod: Pod) {
  const workspace = join(directory, `e2e-${tag}`)
  const source = openRepository({ url: repository.url, mirrorDirectory: join(directory, 'mirror.git') })
  await checkOut(source, repository.commits[tag] ?? '', workspace)
  const env = { BILLING_API_URL: pod.base, DATABASE_URL: url, STRIPE_WEBHOOK_SECRET: secret }
  const argv = ['./scripts/tests/billing-e2e.sh', '--env=production'] as const
  return openCommands().run({ argv, cwd: workspace, env, timeoutMs: 60_000 }, never)
}
