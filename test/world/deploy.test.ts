import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { people } from '../../sandbox/people.ts'
import { plainText } from '../../sandbox/slack/plain-text.ts'
import { ask } from '../support/postgres.ts'
import { redisIsHere, startTestRedis, type TestRedis } from '../support/redis.ts'
import { snapshotOf, type WorldSnapshot } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

const run = promisify(execFile)
const tables = ['billing_audit_log', 'grace_periods', 'webhook_dead_letter_queue']

describe('a first deploy, with the queue on PostgreSQL and Slack over Socket Mode', () => {
  const world = story(async () => startTestWorld())

  it('deploys again after the rollback, still with one endpoint', async () => {
    const [outcome] = await world().plays('deploy v1.2.0')
    expect(outcome).toMatchObject({ ok: true })
    expect(snapshotOf(world()).endpoints).toEqual([expect.objectContaining({ status: 'enabled', events: 38 })])
  }, 360_000)
})

describe.runIf(redisIsHere)('a first deploy, with the queue on Redis and Slack over signed HTTP', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterAll(() => redis.close())
  story(async () => startTestWorld({ redisUrl: redis.url, slackMode: 'http' }))
})

function story(open: () => Promise<TestWorld>): () => TestWorld {
  let world: TestWorld
  let before: WorldSnapshot
  beforeAll(async () => {
    world = await open()
    await world.startBot('purser')
    before = snapshotOf(world)
  })
  afterAll(() => world.close())

  it('goes through all seven phases and meets the seven success criteria', async () => {
    await world.succeeds('deploy v1.2.0')
    const board = world.seenBy('dana').at(-1) ?? ''
    expect(board).toContain('7 of 7 success criteria are met')
    expect(board).toContain('Done (7 of 7):')
    expect(board).toContain('requested by @Dana · approved by @Alex (1 of 1)')
    expect(world.threads()).toContain('20260101092000_grace_periods.sql')
    const phases = await world.state(`select name, status, attempt from purser.phases where run = 1 order by ordinal`)
    expect(phases.map((it) => `${String(it['name'])} ${String(it['status'])}`)).toEqual(
      ['plan', 'preflight', 'migrate', 'rollout', 'stripe', 'cronjobs', 'e2e', 'monitor'].map(
        (it) => `${it} succeeded`,
      ),
    )
  }, 360_000)

  it('needs few messages for it: at most one a second, 120 in all, and shows what was watched', () => {
    const calls = ['chat.postMessage', 'chat.update'].flatMap((method) => world.sandbox.slack.control.apiCalls(method))
    expect(calls.length).toBeLessThanOrEqual(120)
    const posts = world.sandbox.slack.control.apiCalls('chat.postMessage').map(({ at }) => at)
    for (const [index, at] of posts.entries()) expect(at - (posts[index - 1] ?? 0)).toBeGreaterThanOrEqual(950)
    expect(world.seenBy('dana').at(-1)).toMatch(/\[chart\] Metrics while monitoring\n\s+Webhooks processed: 0:00 \d+/)
  })

  it('says in its thread only what somebody has to read: five replies, and all logs in the report file', async () => {
    const { control } = world.sandbox.slack
    const [board] = control.messagesSeenBy(people.dana.id, 'C0DEPLOYS')
    const replies = control
      .threadSeenBy(people.dana.id, 'C0DEPLOYS', board?.ts ?? '')
      .filter(({ ts }) => ts !== board?.ts)
      .map((message) => control.plainText(message))
    expect(replies, replies.join('\n――\n')).toEqual([
      expect.stringMatching(/please review v1\.1\.0 → v1\.2\.0 on production[^]*\[Approve\][^]*Rolling back would/),
      expect.stringContaining('@Alex approved run #1 (1 of 1). Starting.'),
      expect.stringMatching(/Preflight passed: \d+ commands, backup \S+\.dump .* restore-tested/),
      expect.stringMatching(/Verification of production: all \d+ checks passed[^]*run-1-v1\.2\.0\.md/),
      expect.stringContaining('Audit head at the end of run #1'),
    ])
    const report = control.uploads.map(({ content }) => content.toString()).join()
    const printed = await world.state(`select post from purser.posts where run = 1 and post ->> 'kind' = 'output'`)
    const titles = printed.map(({ post }) => String((post as { title?: string }).title))
    expect(new Set(titles).size).toBeGreaterThanOrEqual(4)
    for (const title of titles) expect(report).toContain(`### ${title}`)
  })

  it('shows in App Home what runs now, with a link to the board, and begins a verification there', async () => {
    const { control } = world.sandbox.slack
    const home = () => plainText({ text: '', blocks: [...(control.homeOf(people.dana.id)?.blocks ?? [])] })
    await control.openHome(people.dana.id)
    await world.waitFor('App Home', () => home().includes('production runs v1.2.0'))
    expect(home()).toMatch(/#1 \(http\S+\/archives\/C0DEPLOYS\/p\d+\) v1\.2\.0 → production: succeeded/)
    expect(home()).toMatch(/Last backup .*, restore-tested/)
    await control.pressInView(people.dana.id, 'home_verify')
    await world.waitFor('an answer', () => JSON.stringify(control.openView(people.dana.id) ?? '').includes('C0DEPLOYS'))
    await world.waitFor('the verification', () => /#2 .*verify production: all \d+ checks passed/.test(home()))
    await control.closeView(people.dana.id, true)
    const shown = control.apiCalls('views.publish').map(({ at, args }) => ({ at, view: JSON.stringify(args['view']) }))
    for (const [index, { at, view }] of shown.entries()) {
      expect(view).not.toBe(shown[index - 1]?.view)
      expect(at - (shown[index - 1]?.at ?? 0)).toBeGreaterThanOrEqual(2_900)
    }
  }, 180_000)

  it('asks for the version in a dialog when none was typed, and makes a plan of the one that is chosen', async () => {
    const { control } = world.sandbox.slack
    await world.types('dana', '/billing deploy')
    const dialog = () => JSON.stringify(control.openView(people.dana.id)?.blocks ?? [])
    await world.waitFor('the tags', () => dialog().includes('v1.1.0'))
    const values = { version: { version: 'v1.2.0' }, options: { options: 'dry_run' } }
    expect((await control.submitView(people.dana.id, values)).result).toBe('closed')
    await world.waitFor('the plan', () =>
      /v1\.2\.0 → production: dry run, plan ready/.test(world.seenBy('dana').at(-1) ?? ''),
    )
  }, 180_000)

  it('leaves the tables, the image by digest, one endpoint with its secret in the cluster, and a flowing webhook', async () => {
    const found = await world.service(
      `select tablename from pg_tables where tablename in (${tables.map((it) => `'${it}'`).join()})`,
    )
    expect(found).toHaveLength(3)
    const { image, endpoints, secret, cronJobs } = snapshotOf(world)
    expect(image).toBe(`valuecanvas/api@${world.sandbox.registry.digestOf('valuecanvas/api', 'v1.2.0')}`)
    expect(endpoints).toEqual([
      { url: `${world.sandbox.publicUrl}/api/billing/webhooks/stripe`, status: 'enabled', events: 38 },
    ])
    const [endpoint] = world.sandbox.stripe.endpoints()
    const signing = world.sandbox.stripe.secretOf(endpoint?.id ?? '') ?? ''
    expect(secret).toBe(createHash('sha256').update(signing).digest('hex'))
    expect(cronJobs).toEqual(['webhook-retry'])
    const [events] = await world.service('select count(*)::int as count from webhook_events where processed')
    expect(events?.['count']).toBeGreaterThan(0)
  })

  it('has a backup that restores into an empty database', async () => {
    const [dump] = (await readdir(world.sandbox.backups)).filter((name) => name.endsWith('.dump'))
    await world.sandbox.postgres.createDatabase('restored')
    const url = new URL(world.sandbox.postgres.url('restored'))
    const env = {
      ...process.env,
      PGHOST: url.hostname,
      PGPORT: url.port,
      PGUSER: url.username,
      PGPASSWORD: decodeURIComponent(url.password),
    }
    await run(
      'pg_restore',
      ['--exit-on-error', '--no-owner', '--dbname', 'restored', join(world.sandbox.backups, dump ?? '')],
      { env },
    )
    const [customers] = await ask(url.href, 'select count(*)::int as count from customers')
    expect(customers?.['count']).toBeGreaterThan(0)
  })

  it('answers a verification with counts above zero', async () => {
    await world.succeeds('verify')
    const board = world.seenBy('dana').at(-1) ?? ''
    // The newest one can still be on its way.
    expect(board).toMatch(/Webhook events of the last hour: (\d+ \(processed false\), )?[1-9]\d* \(processed true\)/)
    expect(board).toMatch(/CronJob webhook-retry/)
  }, 180_000)

  it('rolls back to what stood there before, and says that the schema stays', async () => {
    await world.succeeds('rollback')
    const after = snapshotOf(world)
    expect(after).toEqual({ ...before, endpoints: [expect.objectContaining({ status: 'disabled' })] })
    expect(world.seenBy('dana').at(-1)).toContain('The schema is not rolled back')
    expect(await world.service(`select 1 from pg_tables where tablename = 'grace_periods'`)).toHaveLength(1)
  }, 180_000)

  it('sends every board edit for a reason: none twice, none faster than one a second', () => {
    const latest = new Map<string, { readonly at: number; readonly blocks: unknown }>()
    const edits = world.sandbox.slack.control.apiCalls('chat.update')
    expect(edits.length).toBeGreaterThan(10)
    for (const { at, args } of edits) {
      const board = String(args['ts'])
      const earlier = latest.get(board)
      expect(at - (earlier?.at ?? 0)).toBeGreaterThanOrEqual(950)
      expect(args['blocks']).not.toEqual(earlier?.blocks)
      latest.set(board, { at, blocks: args['blocks'] })
    }
  })

  it('leaves a record in which nothing is wrong, with every audit head that Slack has', async () => {
    const { code, lines } = await world.audit()
    expect(lines).toContain('No problems found.')
    expect(code).toBe(0)
    expect(lines.join()).toMatch(/Compared \d+ runs with \d+ decisions? and [1-9]\d* effects, and \d+ anchors/)
    expect(world.threads()).toMatch(/Audit head at the end of run #1: `?\d+:[0-9a-f]{64}/)
    expect(world.sandbox.slack.control.uploads.map((it) => it.content.toString()).join()).toMatch(
      /\*\*Audit head when this was written:\*\* \d+:[0-9a-f]{64}/,
    )
    expect(world.logs()).toMatch(/"hash":"[0-9a-f]{64}","msg":"audit head"/)
  })

  it('lets no secret out to Slack, to the log or to the state database', async () => {
    const secrets = Object.entries(world.sandbox.environment)
      .filter(([name]) => /TOKEN|SECRET|KEY$|_URL$/.test(name) && !/API_URL/.test(name))
      .map(([, value]) => value)
      .concat(world.sandbox.stripe.endpoints().map((it) => world.sandbox.stripe.secretOf(it.id) ?? ''))
      .concat(decodeURIComponent(new URL(world.sandbox.serviceDatabaseUrl).password), world.sandbox.kubernetes.token)
      .filter((value) => value !== '')
    expect(secrets.length).toBeGreaterThan(5)
    const slack =
      JSON.stringify(world.sandbox.slack.control.apiCalls()) +
      world.sandbox.slack.control.uploads.map((it) => it.content.toString()).join()
    const env = { ...process.env, PGPASSWORD: new URL(world.sandbox.stateDatabaseUrl).password }
    const state = new URL(world.sandbox.stateDatabaseUrl)
    // Every schema: the queue's too, where it lives here.
    const args = ['-h', state.hostname, '-p', state.port, '-U', state.username, 'purser']
    const { stdout: dump } = await run('pg_dump', args, { env, maxBuffer: 100_000_000 })
    const log = world.logs()
    expect(log).toContain('phase succeeded')
    for (const secret of secrets) {
      expect(log).not.toContain(secret)
      expect(slack).not.toContain(secret)
      expect(dump).not.toContain(secret)
    }
  })
  return () => world
}
