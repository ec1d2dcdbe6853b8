import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { namespace } from '../../sandbox/world.ts'
import {
  canaries,
  everythingSaid,
  foundIn,
  keyCanary,
  knownSecrets,
  lineWith,
  linesWith,
  plantInLogs,
  plantInVersion,
  watchArguments,
} from './canaries.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

/**
 * A secret of each kind stands in everything that Purser reads: commits, the output of tests and scripts, SQL errors, logs of pods, events of
 * the cluster, rows, endpoints of Stripe, labels of images, and what people type. It shows all of these inputs, and none of the secrets.
 */
describe('a secret in every input', () => {
  let world: TestWorld
  let stopWatching: () => Promise<readonly string[]>
  const all = () => [...canaries, keyCanary, ...knownSecrets(world)]

  beforeAll(async () => {
    world = await startTestWorld({ monitorSeconds: 4 })
    await plantInVersion(world, 'v1.2.0', { subject: lineWith('in-a-commit'), change: plantInOutput })
    await plantInVersion(world, 'v1.3.0-badmigration', { subject: lineWith('in-a-commit'), change: plantInMigration })
    await plantInStripe(world)
    // Only what Purser starts is watched: those who planted the canaries had them in hand.
    stopWatching = watchArguments(all)
    await world.startBot('purser')
  }, 120_000)
  afterAll(() => world.close())

  it('of a deploy, whose tests and script print secrets', async () => {
    const [outcome] = await world.plays('deploy v1.2.0')
    expect(outcome, world.logs()).toMatchObject({ ok: true })
    expect(await world.printed()).toContain('in-the-tests')
  }, 300_000)

  it('of a verification and a diagnosis, with pods, rows and events that tell secrets', async () => {
    const stop = plantInLogs(world, 'in-a-log')
    await plantInRows(world)
    plantEvent(world)
    const outcomes = await world.plays('verify; diagnose webhook; diagnose cronjob webhook-retry; status')
    stop()
    expect(outcomes).toHaveLength(4)
  }, 240_000)

  it('of a restore, whose rows and pods tell secrets, and of its rollback', async () => {
    const stop = plantInLogs(world, 'in-a-log')
    const outcomes = await world.plays('restore; rollback')
    stop()
    expect(outcomes, world.logs()).toMatchObject([{ ok: true }, { ok: true }])
  }, 240_000)

  it('of the rollback of the deploy', async () => {
    expect((await world.plays('rollback #1'))[0], world.logs()).toMatchObject({ ok: true })
  }, 240_000)

  it('of an image whose label holds one', async () => {
    world.sandbox.registry.move('valuecanvas/api', 'v1.3.0-noisy', canaries[0]?.written ?? '')
    const [outcome] = await world.plays('deploy v1.3.0-noisy --dry-run')
    expect(outcome, world.logs()).toMatchObject({ ok: true })
    expect(world.seenBy('dana').join('\n')).toContain('where its commit should be')
  }, 120_000)

  it('of a deploy that fails with an SQL error', async () => {
    const [outcome] = await world.plays('deploy v1.3.0-badmigration')
    expect(outcome?.ok).toBe(false)
    expect(world.threads()).toContain('in-an-sql-error')
  }, 240_000)

  it('of commands and reasons that people typed', async () => {
    const [first, , second, ...rest] = canaries
    await world.types('dana', `/billing lock production 1h in-a-reason ${first?.written} ${second?.written}`)
    await world.waitFor('the lock', () => world.seenBy('dana').join('\n').includes('in-a-reason'))
    for (const { written } of rest) await world.types('dana', `/billing in-a-command ${written}`)
    await world.types('sam', `/billing deploy ${first?.written ?? ''}`)
    await world.types('dana', '/billing unlock production')
  }, 120_000)

  it('is nowhere: not in Slack, not in a file there, not in a row, not in the log, not on disk', async () => {
    const said = await everythingSaid(world)
    for (const mark of ['in-a-commit', 'in-an-sql-error', 'in-a-reason'])
      expect(said['the calls of Slack’s API'], mark).toContain(mark)
    // What commands print is in the report, and in the thread only when they fail.
    for (const mark of ['in-the-tests', 'in-the-script']) expect(said['the files in Slack'], mark).toContain(mark)
    expect(said['every schema of the state database, the queue’s too']).toContain('in-a-log')
    const found = Object.entries(said).flatMap(([place, text]) =>
      foundIn(text, all()).map((name) => `${name} in ${place}`),
    )
    expect(found).toEqual([])
    expect(all().length).toBeGreaterThan(18)
  }, 60_000)

  it('nor was one in the arguments of a process', async () => {
    expect(await stopWatching()).toEqual([])
  })
})

/** Tests and the script of the end print what they should not, in colours, and what they know of their environment in every form. */
async function plantInOutput(tree: string): Promise<void> {
  const printed = (mark: string) => `process.stdout.write(${JSON.stringify(`${linesWith(mark).join('\n')}\n`)})\n`
  const forms = `
for (const value of [process.env.DATABASE_URL ?? '', decodeURIComponent(new URL(process.env.DATABASE_URL ?? 'http://a:b@c').password)]) {
  const base64 = Buffer.from(value).toString('base64')
  const lines = [value, value.slice(0, -3), value.slice(3), base64, base64.replace(/.{76}/g, '$&\\n'), encodeURIComponent(value)]
  for (const line of [...lines, Buffer.from(value).toString('hex'), value.replace(/./g, '$&\\u001b[1m'), JSON.stringify({ value })]) console.log('in-the-script', line)
}
`
  const test = join(tree, 'scripts', 'test.mjs')
  await writeFile(
    test,
    `${await readFile(test, 'utf8')}`.replace('const asked', `${printed('in-the-tests')}const asked`),
  )
  const script = join(tree, 'scripts', 'tests', 'billing-e2e.mjs')
  const text = await readFile(script, 'utf8')
  const end = text.lastIndexOf('\nimport ')
  const line = text.indexOf('\n', end + 1)
  await writeFile(script, `${text.slice(0, line + 1)}${printed('in-the-script')}${forms}${text.slice(line + 1)}`)
}

async function plantInMigration(tree: string): Promise<void> {
  const file = join(tree, 'supabase', 'migrations', '20260201090000_invoice_totals.sql')
  await appendFile(file, `\n-- ${lineWith('in-a-comment')}\n`)
  const sql = await readFile(file, 'utf8')
  const raises = `do $raises$ begin raise exception '%', $text$${lineWith('in-an-sql-error')}$text$; end $raises$;\n`
  await writeFile(file, `${raises}${sql}`)
}

/** An endpoint of somebody else's, whose address and description hold secrets. */
async function plantInStripe(world: TestWorld): Promise<void> {
  const { stripe, environment } = world.sandbox
  const body = new URLSearchParams([
    ['url', `https://elsewhere.example/hook?access_token=${canaries[0]?.hidden[0]}`],
    ['enabled_events[]', 'invoice.paid'],
    ['description', lineWith('in-an-endpoint').slice(0, 400)],
  ])
  const headers = { authorization: `Bearer ${environment['STRIPE_SECRET_KEY']}` }
  const answer = await fetch(`${stripe.url}/v1/webhook_endpoints`, { method: 'POST', headers, body })
  expect(answer.status).toBe(200)
}

/** Events that could not be applied, whose error quotes a secret. */
async function plantInRows(world: TestWorld): Promise<void> {
  const columns = await world.service(
    `select column_name from information_schema.columns where table_name = 'webhook_dead_letter_queue'`,
  )
  expect(columns.map(({ column_name: name }) => name)).toContain('error')
  for (const { written } of canaries)
    await world.service(
      `insert into webhook_dead_letter_queue (event_id, type, payload, error, attempts) values ('evt_${Math.random().toString(36).slice(2)}', 'invoice.paid', '{}', $row$in-a-row ${written}$row$, 5)`,
    )
}

function plantEvent(world: TestWorld): void {
  const [cronJob] = world.sandbox.kubernetes.list('CronJob', namespace)
  world.sandbox.kubernetes.plant({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'canary.1', namespace },
    involvedObject: { kind: 'CronJob', name: cronJob?.metadata.name, namespace, uid: cronJob?.metadata.uid },
    type: 'Warning',
    reason: 'FailedCreate',
    message: lineWith('in-an-event'),
    firstTimestamp: new Date().toISOString(),
    lastTimestamp: new Date().toISOString(),
    count: 1,
  })
}
